package wal

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// tenacious is a file system that removes nothing while it is held, or says so.
type tenacious struct {
	vfs.FS
	lies  bool // it removes, and says that it has not
	held  atomic.Bool
	tries atomic.Int32
}

func (f *tenacious) Remove(name string) error {
	if _, ok := parseSegmentName(name); ok && f.held.Load() {
		f.tries.Add(1)
		busy := errors.New("device or resource busy")
		if f.lies {
			return errors.Join(f.FS.Remove(name), busy)
		}
		return busy
	}
	return f.FS.Remove(name)
}

// TestASegmentThatCannotBeRemovedIsTriedAgain: one failure does not end the removal of old
// segments for as long as the store is open, which would fill the disk. Nor does a
// failure that has removed the segment.
func TestASegmentThatCannotBeRemovedIsTriedAgain(t *testing.T) {
	for name, lies := range map[string]bool{"it stays": false, "it is gone": true} {
		t.Run(name, func(t *testing.T) { testRemovedAgain(t, &tenacious{FS: vfs.NewMem(), lies: lies}) })
	}
}

func testRemovedAgain(t *testing.T, disk *tenacious) {
	w := newWorkload(vfs.NewMem())
	var err error
	if w.s, _, err = openOn(disk); err != nil {
		t.Fatal(err)
	}
	w.Store = w.s
	n, err := w.fill(24)
	if err != nil {
		t.Fatal(n, err)
	}
	last := w.Log.Last()
	if err := w.Commit(last, true); err != nil {
		t.Fatal(err)
	}
	if err := w.Save(last); err != nil {
		t.Fatal(err)
	}
	before := segmentsOf(t, disk)
	disk.held.Store(true)
	if err := w.Compact(last); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return disk.tries.Load() > 0 })
	if n := segmentsOf(t, disk); n < before && !disk.lies {
		t.Fatalf("%d segments of %d are there, and none could be removed", n, before)
	}
	disk.held.Store(false)
	waitFor(t, func() bool {
		wake.Up(w.s.journal.upkeep.wake) // as the next segment does
		return segmentsOf(t, disk) < before-1
	})
	if err := w.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	await.That(t, time.Minute, "it does not come", condition)
}

func segmentsOf(t *testing.T, fs vfs.FS) (n int) {
	t.Helper()
	names, err := fs.List(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, ok := parseSegmentName(name); ok {
			n++
		}
	}
	return n
}
