package maintenance

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// Wherever a migration is killed, the commands that read find one store with the whole log, those
// that change one are refused, and the same command ends what was begun.
func TestAKilledMigrationHasOneWholeStore(t *testing.T) {
	steps := []string{"noted", "the store is renamed", "the copy is renamed", "the store before is marked"}
	for done := range len(steps) + 1 {
		name := "the copy is compared"
		if done > 0 {
			name = steps[done-1]
		}
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			lagging(t, filepath.Join(data, "storage"), 9)
			from, to := movable(t)
			move := killed(t, data, from, to, done)
			whole(t, data, from)
			if _, err := Migrate(t.Context(), Place{Data: data, Dir: filepath.Join(data, "storage"), Backend: "wal"}, &from, third(to)); done > 0 && !errors.Is(err, ErrRefused) {
				t.Errorf("a migration to a third backend: %v", err)
			}
			_, found, err := EndMigration(data, "other")
			if err != nil || found != (done > 0) {
				t.Fatalf("the same command: found %v, %v", found, err)
			}
			whole(t, data, from)
			if p, err := datadir.NotedMove(data); p != nil || err != nil {
				t.Errorf("a move is under way: %+v, %v", p, err)
			}
			if left, err := datadir.IsLeft(filepath.Join(data, move.Left)); err != nil || left != (done > 0) {
				t.Errorf("the store before is marked: %v, %v", left, err)
			}
		})
	}
}

// killed is a migration that was killed after some of its steps.
func killed(t *testing.T, data string, from, to Node, done int) *datadir.Move {
	t.Helper()
	ctx, place := t.Context(), Place{Data: data, Dir: filepath.Join(data, "storage"), Backend: "wal"}
	source, err := OpenToRead(ctx, place, &from)
	if err != nil {
		t.Fatal(err)
	}
	move, err := moveOf(place, &from, to)
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(data, move.Copy())
	if err := errors.Join(copyStore(ctx, source, fresh, to, &Migration{}), compareStores(ctx, source, fresh, to), source.Release()); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(data, move.Left)
	for _, step := range []func() error{
		func() error { return datadir.NoteMove(data, move) },
		func() error { return os.Rename(place.Dir, left) },
		func() error { return os.Rename(fresh, place.Dir) },
		func() error { return datadir.MarkLeft(left, move.To) },
	}[:done] {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return move
}

// whole checks that the store that is found has all that lagging has written.
func whole(t *testing.T, data string, node Node) {
	t.Helper()
	place, err := Locate(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := mustNotBeLeft(place.Dir); err != nil {
		t.Error(err)
	}
	s, err := OpenToRead(t.Context(), place, &node)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	last, err := s.Read(t.Context(), 10, 13, 1<<20)
	if err != nil || len(last) != 3 || string(last[2].Data) != "11" || len(s.State.Snapshots) != 2 {
		t.Errorf("%s has %+v, and ends with %v, %v", place.Dir, s.State, last, err)
	}
}

// movable is a node of wal, and the same one with the backend other, which is wal too.
func movable(t *testing.T) (from, to Node) {
	t.Helper()
	sockets, err := os.MkdirTemp(shortdir.Parent(), "killed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	other := wal.Backend()
	other.Name = "other"
	from = Node{
		ClusterID: 1, NodeID: 1, Name: "n1", Spec: catalog.Spec{Name: "wal", Isolation: catalog.Inproc},
		Backends: []backend.Backend{wal.Backend(), other}, RuntimeDir: sockets,
	}
	to = from
	to.Spec.Name = other.Name
	return from, to
}

// third is the node with a backend that no migration was begun to.
func third(n Node) Node {
	n.Spec.Name = "third"
	return n
}
