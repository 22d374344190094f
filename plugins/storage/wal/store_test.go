package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// TestLockNamesItsHolder, also through a symbolic link to the directory.
func TestLockNamesItsHolder(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	opts := testOptions()
	opts.DataDir, opts.NodeName = dir, "n1"
	first := New(testEnv(t))
	if _, err := first.Open(ctx, opts); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close(ctx) }()
	opts.DataDir = link
	_, err := New(testEnv(t)).Open(ctx, opts)
	var locked *storage.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("second Open = %v, want a LockedError", err)
	}
	for _, part := range []string{fmt.Sprintf("plugin pid %d", os.Getpid()), fmt.Sprintf("host pid %d", os.Getppid()), "since 2"} {
		if !strings.Contains(locked.Holder, part) {
			t.Errorf("the holder is %q, without %q", locked.Holder, part)
		}
	}
	if want := filepath.Join(link, dirlock.Name); locked.Path != want {
		t.Errorf("the path is %q, want %q", locked.Path, want)
	}
}

// TestTornTailIsCutAndTold: bytes that never became a record are removed, and
// the log says how many there were.
func TestTornTailIsCutAndTold(t *testing.T) {
	s := newSpecimen(t, true)
	name := segmentName(1)
	data := bytes.Clone(s.files[name])
	torn := int(padded(int64(usedBytes(data))))
	copy(data[torn:], "half a record")
	fs := s.with(name, data)

	var told strings.Builder
	st := newStore(backend.Env{Logger: slog.New(slog.NewTextHandler(&told, nil))}, func(string) (vfs.FS, error) { return fs, nil })
	if _, err := st.Open(context.Background(), testOptions()); err != nil {
		t.Fatal(err)
	}
	st.kill()
	if !strings.Contains(told.String(), "torn tail") {
		t.Errorf("the log says nothing of it: %s", told.String())
	}
	for name, data := range fs.Files() {
		if bytes.Contains(data, []byte("half a record")) {
			t.Errorf("%s still has the torn bytes", name)
		}
	}
	state, _, err := found(fs)
	if err != nil || state != s.states[len(s.states)-1] {
		t.Errorf("found %s, %v", state, err)
	}
}

// TestDataCannotImitateARecord: entry data that is a copy of a record, with a
// durable mark that would prove damage, is not taken for one.
func TestDataCannotImitateARecord(t *testing.T) {
	forged := make([]byte, headerBytes)
	h := header{kind: kindMark, segment: 1, seq: 1 << 40, mark: 1 << 40}
	h.encode(forged, 0) // its writer does not know the salt
	w := newWorkload(vfs.NewMem())
	b := storage.Batch{Entries: []storage.Entry{{Index: 1, Term: 1, Data: bytes.Repeat(forged, 8)}}}
	if err := errors.Join(w.Open(), w.Append(true, b)); err != nil {
		t.Fatal(err)
	}
	w.s.journal.upkeep.end()
	files := w.fs.Files()
	w.s.kill()
	data := files[segmentName(1)]
	data[lastHeader(data)+20] ^= 1 // the record's own header is torn
	state, _, err := found(vfs.MemOf(files))
	if err != nil || state != w.History.States()[0] {
		t.Errorf("found %s, %v, want an empty log", state, err)
	}
}

// TestOlderSnapshotIsUsed: when the newest snapshot is damaged and the log
// still covers the gap, the store opens with the older one.
func TestOlderSnapshotIsUsed(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	for _, err := range []error{
		w.Open(), w.Append(true, w.Batch(1, 9, 1, 10)), w.Save(3), w.Save(7), w.Compact(2), w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	files := w.fs.Files()
	newest := snapshotName(7, 1)
	files[newest][3] ^= 1
	fs := vfs.MemOf(files)
	_, snapshots, err := found(fs)
	if err != nil || len(snapshots) != 1 || snapshots[0] != 3 {
		t.Errorf("snapshots %v, %v, want the one at 3", snapshots, err)
	}
	if _, ok := fs.Files()[newest]; !ok {
		t.Error("the damaged snapshot was removed")
	}
}

// TestStrangersAreLeftAlone: files that the store did not make stay.
func TestStrangersAreLeftAlone(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := errors.Join(w.Open(), w.Close()); err != nil {
		t.Fatal(err)
	}
	files := w.fs.Files()
	strangers := []string{"notes.tmp", "README", "1.log", "backup.snap", "x.part"}
	for _, name := range strangers {
		files[name] = []byte("mine")
	}
	files["0000000000000009-0000000000000001-1.part"] = []byte("unfinished")
	files["0000000000000007.tmp"] = []byte("unfinished")
	fs := vfs.MemOf(files)
	if _, _, err := found(fs); err != nil {
		t.Fatal(err)
	}
	left := fs.Files()
	for _, name := range strangers {
		if string(left[name]) != "mine" {
			t.Errorf("%s is gone", name)
		}
	}
	for name := range left {
		if strings.HasSuffix(name, "-1.part") || name == "0000000000000007.tmp" {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestALatePreparation: the background looked at a segment, and by the time it
// prepares the next one the log is there already. It must not replace it.
func TestALatePreparation(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	j := w.s.journal
	looked := j.tail.segment
	for j.tail.segment == looked {
		if err := w.Append(true, w.Batch(w.Log.Last()+1, 1, 1, 3000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.prepareNext(looked, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Append(true, w.Batch(w.Log.Last()+1, 1, 1, 3000)), w.Close()); err != nil {
		t.Fatal(err)
	}
	if state, _, err := found(w.fs); err != nil || state != w.Log.String() {
		t.Errorf("found %s, %v\nwant %s", state, err, w.Log)
	}
}
