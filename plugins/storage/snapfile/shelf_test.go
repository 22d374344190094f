package snapfile

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A snapshot replaces the one of its index, whatever the terms, and nothing of that stays
// on the disk. Rules ST-29 and ST-30.
func TestASnapshotReplacesTheOneOfItsIndex(t *testing.T) {
	for _, received := range []bool{false, true} {
		disk := vfs.NewMem()
		shelf := New(disk, slog.New(slog.DiscardHandler))
		if err := shelf.Open(storage.State{FirstIndex: 1, LastIndex: 9, Terms: []storage.TermBoundary{{}}}); err != nil {
			t.Fatal(err)
		}
		var last fileName
		for _, term := range []uint64{2, 3, 1} {
			w, err := shelf.Create(storage.SnapshotMetadata{Index: 5, Term: term}, received)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Commit(); err != nil {
				t.Fatal(err)
			}
			last = fileName{Index: 5, Term: term, Suffix: visibleSuffix}
			if received {
				last.Suffix = receivedSuffix
			}
		}
		if n := len(shelf.List()); !received && n != 1 {
			t.Errorf("%d snapshots of one index are listed", n)
		}
		if names, err := disk.List("."); err != nil || !slices.Equal(names, []string{last.String()}) {
			t.Errorf("received %v: the disk has %q, %v, want %s alone", received, names, err, last)
		}
	}
}
