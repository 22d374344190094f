package maintenance

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// lagging makes a store of twelve entries with snapshots at 6 and 9, and entries from 4 on
// for slow followers. Its stored commit may lag behind the snapshots: rules ST-12 and ST-28.
func lagging(t *testing.T, dir string, commit uint64) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(dir, 0o700))
	s := wal.Backend().NewStorage(backend.Env{})
	_, err := s.Open(t.Context(), plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, DataDir: dir, Limits: plugins.DefaultLimits()})
	must(err)
	b := storage.Batch{HardState: storage.HardState{Term: 3, Vote: 1, Commit: commit}, MustSync: true}
	for i := range uint64(12) {
		b.Entries = append(b.Entries, storage.Entry{Index: i + 1, Term: 1, Data: fmt.Appendf(nil, "%d", i)})
	}
	must(s.Append(t.Context(), []storage.Batch{b}))
	for _, index := range []uint64{6, 9} {
		w, err := s.CreateSnapshot(t.Context(), storage.SnapshotMetadata{Index: index, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1}}}, false)
		must(err)
		_, err = w.Commit()
		must(err)
	}
	_, err = s.Compact(t.Context(), 3)
	must(err)
	must(s.Close(t.Context()))
}

// A store whose commit lags behind its snapshots is moved to another one as any.
func TestAStoreWhoseCommitLagsIsMigrated(t *testing.T) {
	for name, commit := range map[string]uint64{"level": 9, "behind both snapshots": 4, "between them": 7} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			dir := filepath.Join(data, "storage")
			lagging(t, dir, commit)
			sockets, err := os.MkdirTemp(shortdir.Parent(), "lag-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(sockets) })
			other := wal.Backend()
			other.Name = "other"
			n := Node{
				ClusterID: 1, NodeID: 1, Name: "n1", Spec: catalog.Spec{Name: "wal", Isolation: catalog.Inproc},
				Backends: []backend.Backend{wal.Backend(), other}, RuntimeDir: sockets,
			}
			to := n
			to.Spec.Name = other.Name
			m, err := Migrate(t.Context(), Place{Data: data, Dir: dir, Backend: "wal"}, &n, to)
			if err != nil {
				t.Fatalf("migrate: %v", err)
			}
			if left, err := datadir.IsLeft(m.Old); err != nil || !left {
				t.Errorf("the old store has no mark, %v", err)
			}
			if move, err := datadir.NotedMove(data); err != nil || move != nil {
				t.Errorf("a move is under way after it: %+v, %v", move, err)
			}
		})
	}
}

// An entry that a snapshot has is known to be committed, whatever the stored commit says.
func TestEntriesOfASnapshotAreKnownToBeCommitted(t *testing.T) {
	at := func(index uint64) storage.SnapshotInfo {
		return storage.SnapshotInfo{Metadata: storage.SnapshotMetadata{Index: index}}
	}
	for _, x := range []struct{ last, commit, snapshot, want uint64 }{
		{12, 9, 6, 3}, {12, 4, 9, 3}, {12, 12, 9, 0}, {12, 4, 12, 0}, {12, 4, 0, 8},
	} {
		st := storage.State{LastIndex: x.last, HardState: storage.HardState{Commit: x.commit}}
		if x.snapshot > 0 {
			st.Snapshots = []storage.SnapshotInfo{at(1), at(x.snapshot)}
		}
		if got := uncommitted(st); got != x.want {
			t.Errorf("%+v: %d entries, want %d", x, got, x.want)
		}
	}
}
