package core

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// renamedStorage is wal under another name.
type renamedStorage struct{ storage.Storage }

func (s renamedStorage) Describe() plugins.Info {
	info := s.Storage.Describe()
	info.Name = "second"
	return info
}

// moveWait is how long tests wait for a move.
const moveWait = 20 * time.Second

// mover is a host with the data directory that can move its store from wal to second.
func mover(t *testing.T, dir string) *Host {
	t.Helper()
	return moverTo(t, dir, func(s storage.Storage) storage.Storage { return s })
}

// moverTo is a mover whose second storage is changed.
func moverTo(t *testing.T, dir string, change func(storage.Storage) storage.Storage) *Host {
	t.Helper()
	h := newMover(t, dir, change)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Stop(t.Context()) })
	return h
}

// newMover is a mover that was not started.
func newMover(t *testing.T, dir string, change func(storage.Storage) storage.Storage) *Host {
	t.Helper()
	return aloneWith(t, func(cfg *Config) {
		cfg.DataDir = dir
		cfg.Backends = append(cfg.Backends, wal.Backend(), backend.Storage("second", func(e backend.Env) storage.Storage {
			return change(renamedStorage{wal.Backend().NewStorage(e)})
		}))
		cfg.Storage = PluginConfig{Name: "wal", Isolation: inproc}
		cfg.NextStorage = &PluginConfig{Name: "second", Isolation: inproc}
	})
}

// fullFor is a disk that has no room for some of the pins.
type fullFor struct {
	vfs.FS
	pins   *pins
	refuse func(backend string, move *datadir.Move) bool
}

func (f fullFor) Create(name string) (vfs.File, error) {
	if f.refuse(f.pins.storage()) {
		return nil, syscall.ENOSPC
	}
	return f.FS.Create(name)
}

// moveOn begins the move of a host whose disk has no room for some of the pins.
func moveOn(t *testing.T, h *Host, refuse func(backend string, move *datadir.Move) bool) {
	t.Helper()
	p := h.identity.pins
	p.saving.Lock()
	p.fs = fullFor{p.fs, p, refuse}
	p.saving.Unlock()
	if _, err := h.moveStorage(t.Context(), server.StorageMoveRequest{To: "second", Force: true}); err != nil {
		t.Fatal(err)
	}
}

// A node runs with a copy only if it is durable that the trial of the copy is over: the next
// start would go back to a store that lacks what the node had acknowledged. The store before
// goes on, and is not taken for one that was left, now or at the next start.
func TestATrialThatCannotBeEndedBringsTheStoreBack(t *testing.T) {
	dir := t.TempDir()
	h := mover(t, dir)
	moveOn(t, h, func(backend string, move *datadir.Move) bool { return backend == "second" && move == nil })
	m := h.moving.Load()
	await.That(t, moveWait, "the end of the move", func() bool { return !m.isUnderWay() })
	if st := m.status(); st.Phase != moveFailed || h.storageSlot().Status().Name != "wal" {
		t.Errorf("the move is %+v, and %s serves", st, h.storageSlot().Status().Name)
	}
	if p := open(t, dir); p.kept.Move != nil || p.kept.Storage != "wal" {
		t.Errorf("a node runs, and the pins have %+v of %q", p.kept.Move, p.kept.Storage)
	}
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if next := mover(t, dir); next.storageSlot().Status().Name != "wal" {
		t.Errorf("the next start has %s", next.storageSlot().Status().Name)
	}
}

// A host that can neither end a move nor take it back ends, and the next start does one of the two.
func TestAMoveThatIsStuckHalfWayEndsTheHost(t *testing.T) {
	dir := t.TempDir()
	h := mover(t, dir)
	moveOn(t, h, func(_ string, move *datadir.Move) bool {
		return move == nil || move.Phase == datadir.Trial || move.Phase == datadir.Returning
	})
	await.That(t, moveWait, "the end of the host", func() bool { return h.Err() != nil })
	if err := h.Err(); !errors.Is(err, datadir.ErrMove) {
		t.Errorf("it ended with %v", err)
	}
	_ = h.Stop(t.Context())
	next := mover(t, dir)
	if left, err := datadir.IsLeft(filepath.Join(dir, "storage")); left || err != nil || next.storageSlot().Status().Name != "second" {
		t.Errorf("the next start has %s; left: %v, %v", next.storageSlot().Status().Name, left, err)
	}
}
