package snapfile

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
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

// A crash at any place of a replacement leaves one snapshot of the index. If it leaves both
// files, the next Open keeps that of the log's term, else that of the later one. Rules ST-7
// and ST-30.
func TestACrashWithinAReplacementLeavesOneSnapshot(t *testing.T) {
	state := storage.State{FirstIndex: 1, LastIndex: 9, Terms: []storage.TermBoundary{{}, {Index: 1, Term: 2}}}
	opened := func(disk *vfs.Mem) *Shelf {
		t.Helper()
		shelf := New(disk, slog.New(slog.DiscardHandler))
		if err := shelf.Open(state); err != nil {
			t.Fatal(err)
		}
		return shelf
	}
	put := func(shelf *Shelf, term uint64, received bool) {
		t.Helper()
		w, err := shelf.Create(storage.SnapshotMetadata{Index: 5, Term: term}, received)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	for _, received := range []bool{false, true} {
		for _, terms := range [][2]uint64{{2, 1}, {2, 3}, {1, 2}, {3, 2}, {1, 3}, {3, 1}} {
			stays := max(terms[0], terms[1])
			if slices.Contains(terms[:], 2) {
				stays = 2
			}
			disk, both := vfs.NewMem(), 0
			shelf := opened(disk)
			put(shelf, terms[0], received)
			look := func(at string) {
				for _, keep := range []vfs.Keep{vfs.KeepNothing, vfs.KeepAll} {
					crashed := disk.Crash(keep)
					visible := names(t, crashed, visibleSuffix)
					list := opened(crashed).List()
					switch {
					case len(list) > 1 || len(names(t, crashed, "")) > len(list):
						t.Errorf("received %v, terms %v, crash before %s: %+v are listed, the disk has %q", received, terms, at, list, names(t, crashed, ""))
					case len(visible) > 1 && list[0].Metadata.Term != stays:
						t.Errorf("terms %v, crash before %s: the snapshot of term %d stays, not that of %d", terms, at, list[0].Metadata.Term, stays)
					}
					if len(visible) > 1 {
						both++
					}
				}
			}
			disk.OnOp(func(op vfs.Op) {
				if op.Mutates() {
					look(fmt.Sprintf("%+v", op))
				}
			})
			put(shelf, terms[1], received)
			disk.OnOp(nil)
			look("the end")
			if (both == 0) != received {
				t.Errorf("received %v: %d crashes have left both", received, both)
			}
		}
	}
}

// names are those of a disk's files with a suffix.
func names(t *testing.T, disk *vfs.Mem, suffix string) []string {
	t.Helper()
	all, err := disk.List(".")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(name string) bool { return !strings.HasSuffix(name, suffix) })
}
