package wal

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// specimen is a small store to damage: its files, and the logs that may be
// found in it.
type specimen struct {
	files  map[string][]byte
	states []string // after each step
}

// newSpecimen makes a log in one segment. Without a clean end the last batch
// has no durable mark after it.
func newSpecimen(t *testing.T, clean bool) specimen {
	t.Helper()
	w := newWorkload(vfs.NewMem())
	return takeSpecimen(t, w, []func() error{
		w.Open,
		func() error { return w.Append(true, w.Batch(1, 3, 1, 50)) },
		func() error { return w.Append(true, w.Batch(4, 2, 2, 200), w.Batch(5, 3, 3, 70)) },
		func() error { return w.Commit(4, false) },
		func() error {
			return w.Append(true, storage.Batch{HardState: storage.HardState{Term: 9, Vote: 2, Commit: 4}})
		},
		func() error { return w.Append(true, w.Batch(8, 1, 9, 400)) },
	}, clean)
}

// takeSpecimen does the steps and keeps what they left on disk.
func takeSpecimen(t *testing.T, w *workload, steps []func() error, clean bool) specimen {
	t.Helper()
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if !clean {
		w.s.journal.upkeep.end() // no mark
		files := w.fs.Files()
		w.s.kill()
		return specimen{files: files, states: w.History.States()}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return specimen{files: w.fs.Files(), states: w.History.States()}
}

// with returns a machine whose file has other content.
func (s specimen) with(name string, data []byte) *vfs.Mem {
	files := map[string][]byte{}
	for n, d := range s.files {
		files[n] = append([]byte(nil), d...)
	}
	files[name] = data
	return vfs.MemOf(files)
}

// TestMissingFiles: a file that is gone is damage, not a shorter log.
func TestMissingFiles(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := errors.Join(w.Open(), w.Append(true, w.Batch(1, 2, 1, 10))); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if err := w.Append(true, w.Batch(w.Log.Last()+1, 2, 1, 4000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := specimen{files: w.fs.Files(), states: w.History.States()}
	delete(s.files, reserveName) // it holds nothing
	for name, data := range s.files {
		if usedBytes(data) == 0 {
			delete(s.files, name) // nor does a segment that was only prepared
		}
	}
	for name := range s.files {
		files := maps.Clone(s.files)
		delete(files, name)
		if _, _, err := found(vfs.MemOf(files)); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("without %s: Open = %v, want ErrCorrupt", name, err)
		}
	}
	for name := range s.files { // no log at all
		if strings.HasSuffix(name, segmentSuffix) {
			delete(s.files, name)
		}
	}
	if _, _, err := found(vfs.MemOf(s.files)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("without any segment: Open = %v, want ErrCorrupt", err)
	}
}

// TestDamageIsNamed: the error of a refusal says where, what is at stake and
// what to do.
// Rule ST-8.
func TestDamageIsNamed(t *testing.T) {
	s := newSpecimen(t, true)
	name := segmentName(1)
	data := slices.Clone(s.files[name])
	data[300] ^= 4 // in the first batch
	_, _, err := found(s.with(name, data))
	for _, part := range []string{name, "offset 144", "record 2", "way out"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}
