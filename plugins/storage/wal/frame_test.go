package wal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// twoSnapshots is a log with snapshots at 4 and 7, compacted up to an index, and the
// name of the newer one.
func twoSnapshots(t *testing.T, compact uint64) (specimen, string) {
	t.Helper()
	w := newWorkload(vfs.NewMem())
	s := takeSpecimen(t, w, []func() error{
		w.Open,
		func() error { return w.Append(true, w.Batch(1, 9, 1, 10)) },
		func() error { return w.Commit(9, true) },
		func() error { return w.Save(4) },
		func() error { return w.Save(7) },
		func() error { return w.Compact(compact) },
	}, true)
	return s, snapshotName(7, 1)
}

// opens is the error of opening a store.
func opens(fs vfs.FS) error {
	s, _, err := openOn(fs)
	if err == nil {
		s.kill()
	}
	return err
}

// With any damage to the newest snapshot, the store opens while the older one and the
// log go on from each other, and all that was acknowledged is there.
func TestADamagedSnapshotLeavesTheOlderOneAndTheLog(t *testing.T) {
	s, name := twoSnapshots(t, 4)
	want, _, err := found(s.with(name, s.files[name]))
	if err != nil {
		t.Fatal(err)
	}
	original, n := s.files[name], 0
	try := func(what string, data []byte) {
		n++
		log, snapshots, err := found(s.with(name, data))
		// A snapshot whose content is damaged shows that when it is read.
		if err != nil && (!errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), name)) {
			t.Fatalf("%s: %v", what, err)
		}
		if err == nil && (log != want || !slices.Equal(snapshots, []uint64{4})) {
			t.Fatalf("%s: snapshots %v and\n%s\nwant\n%s", what, snapshots, log, want)
		}
		if err := opens(s.with(name, data)); err != nil {
			t.Fatalf("%s: the store does not open: %v", what, err)
		}
	}
	for at := range original {
		data := slices.Clone(original)
		data[at] ^= 0x10
		try(fmt.Sprintf("byte %d", at), data)
		try(fmt.Sprintf("cut to %d", at), original[:at])
	}
	t.Logf("%d damages", n)
}

// Where nothing else reaches the beginning of the log, the refusal names the file, and
// the way out.
func TestADamagedSnapshotThatIsTheOnlyWayIsNamed(t *testing.T) {
	s, name := twoSnapshots(t, 7)
	for what, data := range map[string][]byte{
		"the head": slices.Concat([]byte{0}, s.files[name][1:]),
		"the end":  s.files[name][:len(s.files[name])-1],
		"all":      nil,
	} {
		err := opens(s.with(name, data))
		for _, part := range []string{name, "the log begins at 8", "the newest is at 4", "put that file back", "add it as a new member"} {
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), part) {
				t.Errorf("without %s: %v, which does not say %q", what, err, part)
			}
		}
	}
}

// A snapshot is never of more than the log has. If one is, entries that were
// acknowledged are missing: that its file is damaged too makes it no better.
func TestADamagedSnapshotBeyondTheLogIsRefused(t *testing.T) {
	s, name := twoSnapshots(t, 4)
	beyond := snapshotName(70, 1)
	err := opens(s.with(beyond, s.files[name][:20]))
	for _, part := range []string{beyond, "the log ends at 9", "way out"} {
		if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, which does not say %q", err, part)
		}
	}
}
