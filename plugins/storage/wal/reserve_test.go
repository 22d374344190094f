package wal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// fullDisk has no room for a new file while its reserve exists; without
// it there is room for one.
type fullDisk struct {
	vfs.FS
	full  atomic.Bool
	spare atomic.Int32
}

func (d *fullDisk) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &fullFile{File: f, disk: d}, nil
}

func (d *fullDisk) Remove(name string) error {
	info, err := d.Stat(name)
	if err == nil && name == reserveName && info.Size > 0 {
		d.spare.Add(1)
	}
	return errors.Join(err, d.FS.Remove(name))
}

type fullFile struct {
	vfs.File
	disk *fullDisk
}

func (f *fullFile) Preallocate(size int64) error {
	if f.disk.full.Load() && f.disk.spare.Add(-1) < 0 {
		f.disk.spare.Add(1)
		return fmt.Errorf("preallocate: %w", syscall.ENOSPC)
	}
	return f.File.Preallocate(size)
}

// fill appends until an error, and returns it and how many batches were
// acknowledged.
func (w *workload) fill(most int) (int, error) {
	for n := range most {
		if err := w.Append(true, w.Batch(w.Log.Last()+1, 1, 1, 3000)); err != nil {
			w.Log.Entries = w.Log.Entries[:len(w.Log.Entries)-1]
			return n, err
		}
	}
	return most, nil
}

// TestAFullDisk: the log goes on with what was set aside; then an append that
// finds no room is refused and has changed nothing; when there is room again
// the same store goes on and sets space aside anew.
func TestAFullDisk(t *testing.T) {
	ctx := context.Background()
	disk := &fullDisk{FS: vfs.NewMem()}
	w := newWorkload(vfs.NewMem())
	var err error
	if w.s, _, err = openOn(disk); err != nil {
		t.Fatal(err)
	}
	w.Store = w.s
	j := w.s.journal
	reserved := func() int64 {
		_, _, n := w.s.measured()
		return n
	}
	later := time.Now()
	await := func() { // what the background does, at a moment of our choice
		later = later.Add(time.Hour)
		j.keepReserve(later)
	}
	if await(); reserved() != minSegmentBytes {
		t.Fatalf("%d bytes are set aside, want a segment", reserved())
	}

	disk.full.Store(true)
	n, err := w.fill(100)
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Fatalf("a full disk took %d batches, then %v, want ErrNoSpace", n, err)
	}
	if n < 5 || reserved() != 0 {
		t.Errorf("%d batches of 3000 bytes went into a segment and the reserve, of which %d bytes are left", n, reserved())
	}
	if await(); reserved() != 0 {
		t.Errorf("%d bytes were set aside on a full disk", reserved())
	}
	if _, err := w.fill(1); !errors.Is(err, storage.ErrNoSpace) || errors.Is(err, plugins.ErrClosed) {
		t.Errorf("another append = %v, want ErrNoSpace and no poison", err)
	}
	if es, err := w.s.Read(ctx, 1, w.Log.Last()+1, 1<<30); err != nil || len(es) != len(w.Log.Entries) {
		t.Errorf("Read on a full disk = %d entries, %v, want %d", len(es), err, len(w.Log.Entries))
	}

	disk.full.Store(false)
	if _, err := w.fill(20); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if await(); reserved() != minSegmentBytes {
		t.Errorf("with room again %d bytes are set aside", reserved())
	}
	if err := w.s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if state, _, err := found(disk); err != nil || state != w.Log.String() {
		t.Errorf("found %s, %v\nwant %s", state, err, w.Log)
	}
}

// TestOpenOnAFullDisk: an Open that has to write the end of the log again
// spends the reserve.
func TestOpenOnAFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	w := newWorkload(mem)
	if err := errors.Join(w.Open(), w.Append(true, w.Batch(1, 3, 1, 10))); err != nil {
		t.Fatal(err)
	}
	w.s.journal.keepReserve(time.Now().Add(time.Hour))
	w.s.journal.upkeep.end() // no mark
	w.s.kill()
	disk := &fullDisk{FS: mem}
	disk.full.Store(true)
	if state, _, err := found(disk); err != nil || state != w.Log.String() {
		t.Errorf("found %s, %v\nwant %s", state, err, w.Log)
	}
	if _, err := mem.Stat(reserveName); err == nil {
		t.Error("the reserve is still there")
	}
}

// TestNoReserve: reserve_bytes 0 sets nothing aside.
func TestNoReserve(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	w.config = smallSegments + "reserve_bytes: 0\n"
	if err := errors.Join(w.Open(), w.Append(true, w.Batch(1, 3, 1, 10))); err != nil {
		t.Fatal(err)
	}
	w.s.journal.keepReserve(time.Now().Add(time.Hour))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.fs.Stat(reserveName); err == nil {
		t.Error("there is a reserve")
	}
}
