package kv

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// PrepareSnapshot implements statemachine.StateMachine. Time and memory do not depend on
// the number of keys: the events of a snapshot are copied. Its later cost is a copy of
// each tree node that Apply changes first.
func (m *machine) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(); err != nil {
		return nil, err
	}
	view := frozen{store: m.store.clone(), events: m.store.history.newest()}
	s := &snapshot{index: view.applied}
	s.view.Store(&view)
	return s, nil
}

// snapshot is a fixed state. The caller that takes the view out of it owns the
// view.
type snapshot struct {
	index uint64
	view  atomic.Pointer[frozen]
}

// frozen is a state that does not change, with the history of a snapshot.
type frozen struct {
	store
	events []event
}

// Index implements statemachine.Snapshot.
func (s *snapshot) Index() uint64 { return s.index }

// Release implements statemachine.Snapshot.
func (s *snapshot) Release() { s.view.Store(nil) }

// Save implements statemachine.Snapshot.
func (s *snapshot) Save(ctx context.Context, w io.Writer) error {
	view := s.view.Swap(nil)
	if view == nil {
		return fmt.Errorf("save snapshot %d: %w: saved or released before", s.index, plugins.ErrInvalidArgument)
	}
	if err := writeSnapshot(ctx, w, view); err != nil {
		return fmt.Errorf("save snapshot %d: %w", s.index, err)
	}
	return nil
}

// Restore implements statemachine.StateMachine. The new state is built beside
// the old one, which stays if the snapshot cannot be used.
func (m *machine) Restore(ctx context.Context, index uint64, r io.Reader) error {
	if err := m.ready(); err != nil {
		return err
	}
	restored, err := readSnapshot(ctx, r)
	if err != nil {
		return fmt.Errorf("restore snapshot %d: %w", index, err)
	}
	if restored.applied != index {
		return fmt.Errorf("restore snapshot %d: %w: it is of index %d", index, statemachine.ErrBadSnapshot, restored.applied)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(); err != nil {
		return err
	}
	restored.history.most = m.config.reach()
	m.store = restored
	m.tellWatches()
	m.log.Info("state restored", "index", index, "revision", restored.revision, "keys", restored.keys.Len())
	return nil
}
