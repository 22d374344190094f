package core

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Whichever note of a move has no room on the disk, alone or with all that come after it, the
// host runs or ends, and the next start has the whole log.
func TestAMoveOutlivesEachNoteThatFails(t *testing.T) {
	for n := int64(1); n <= 4; n++ {
		for _, more := range []bool{false, true} {
			dir := t.TempDir()
			h := mover(t, dir)
			last := h.current().state.LastIndex
			await.That(t, moveWait, "a leader", func() bool { return h.server.Status().Role == "leader" })
			var count atomic.Int64
			p := h.identity.pins
			p.saving.Lock()
			p.fs = fullFor{p.fs, p, func(string, *datadir.Move) bool {
				at := count.Add(1)
				return at == n || more && at > n
			}}
			p.saving.Unlock()
			_, err := h.moveStorage(t.Context(), server.StorageMoveRequest{To: "second", Force: true})
			if err == nil {
				m := h.moving.Load()
				await.That(t, moveWait, "the end of the move or of the host", func() bool { return h.Err() != nil || !m.isUnderWay() })
			}
			last = max(last, h.server.Status().LastIndex)
			_ = h.Stop(t.Context())
			next := mover(t, dir)
			if got := next.current().state.LastIndex; got < last {
				t.Errorf("note %d, more %v: the log ends at %d, and ended at %d", n, more, got, last)
			}
			if p := open(t, dir); p.kept.Move != nil {
				t.Errorf("note %d, more %v: a node runs in a move: %+v", n, more, p.kept.Move)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "storage.*.new")); len(left) > 0 {
				t.Errorf("note %d, more %v: %v", n, more, left)
			}
			_ = next.Stop(t.Context())
		}
	}
}

// A store goes there and back and there again in one life.
func TestAStoreGoesThereAndBack(t *testing.T) {
	dir := t.TempDir()
	h := mover(t, dir)
	for _, to := range []string{"second", "wal", "second", "wal"} {
		h.cfg.NextStorageNow = func() (*PluginConfig, error) { return &PluginConfig{Name: to, Isolation: inproc}, nil }
		if _, err := h.moveStorage(t.Context(), server.StorageMoveRequest{To: to, Force: true}); err != nil {
			t.Fatal(err)
		}
		m := h.moving.Load()
		await.That(t, moveWait, "the end of the move", func() bool { return !m.isUnderWay() })
		if st := m.status(); st.Phase != moveDone || h.storageSlot().Status().Name != to {
			t.Fatalf("%s: %+v", to, st)
		}
		await.That(t, moveWait, "the lock", func() bool {
			if !h.restarting.TryLock() {
				return false
			}
			h.restarting.Unlock()
			return true
		})
	}
}

// A copy on trial that cannot be opened stays in force if the store before was removed: the
// backend before is not given the folder of another one.
func TestACopyStaysIfTheStoreBeforeIsGone(t *testing.T) {
	dir := t.TempDir()
	h := mover(t, dir)
	moveOn(t, h, func(_ string, move *datadir.Move) bool { // it stays on trial
		return move == nil || move.Phase == datadir.Returning
	})
	await.That(t, moveWait, "the end of the host", func() bool { return h.Err() != nil })
	_ = h.Stop(t.Context())
	p := open(t, dir)
	if p.kept.Move == nil || p.kept.Move.Phase != datadir.Trial {
		t.Fatalf("the move is %+v", p.kept.Move)
	}
	if err := os.RemoveAll(filepath.Join(dir, p.kept.Move.Left)); err != nil {
		t.Fatal(err)
	}
	refusing := newMover(t, dir, func(s storage.Storage) storage.Storage { return refusedOpen{s} })
	if err := refusing.Start(t.Context()); !errors.Is(err, datadir.ErrMove) || !errors.Is(err, plugins.ErrInvalidConfig) {
		t.Errorf("the start: %v", err)
	}
	if next := mover(t, dir); next.storageSlot().Status().Name != "second" {
		t.Errorf("the next start has %s", next.storageSlot().Status().Name)
	}
}

// refusedOpen refuses to open.
type refusedOpen struct{ storage.Storage }

func (refusedOpen) Open(context.Context, plugins.Options) (storage.State, error) {
	return storage.State{}, plugins.ErrInvalidConfig
}

// A stop ends a copy that gets nowhere, and the next start has the store before.
func TestAStopEndsACopy(t *testing.T) {
	dir := t.TempDir()
	appends := make(chan struct{}, 1)
	h := moverTo(t, dir, func(s storage.Storage) storage.Storage { return hungAppend{s, appends} })
	if _, err := h.moveStorage(t.Context(), server.StorageMoveRequest{To: "second", Force: true}); err != nil {
		t.Fatal(err)
	}
	<-appends
	if err := h.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	next := mover(t, dir)
	if left, _ := filepath.Glob(filepath.Join(dir, "storage.*.new")); len(left) > 0 || next.storageSlot().Status().Name != "wal" {
		t.Errorf("%s; %v", next.storageSlot().Status().Name, left)
	}
}

// hungAppend never appends.
type hungAppend struct {
	storage.Storage
	begun chan struct{}
}

func (s hungAppend) Append(ctx context.Context, _ []storage.Batch) error {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}
