package core

import (
	"errors"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The steps of a move, as a status names them.
const (
	movePreparing = "preparing"
	moveCopying   = "copying"
	moveComparing = "comparing"
	moveSwitching = "switching"
	moveOpening   = "opening"
	moveDone      = "done"
	moveFailed    = "failed"
)

// storageMove is a move of the store of this member to another storage.
type storageMove struct {
	note     datadir.Move
	from, to *storagePlace
	storeID  uint64
	served   <-chan struct{} // closed if the storage before ends by itself
	done     chan error      // how the node runs again
	made     *openedStore    // the copy; nil before it was opened
	isDone   bool            // nothing was to be moved
	touched  bool            // folders may have been renamed
	began    time.Time
	progress storecopy.Progress

	mu      sync.Mutex
	phase   string
	entries uint64 // how many the step at work reads
	err     error
	took    time.Duration // set at the end
}

// enter begins a step, which reads all entries of a store, or none.
func (m *storageMove) enter(phase string, st storage.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase = phase
	if phase == moveCopying || phase == moveComparing {
		m.entries = st.LastIndex - min(st.LastIndex, st.FirstIndex-min(1, st.FirstIndex))
		if phase == moveComparing {
			m.entries *= 2
		}
		m.progress.Entries.Store(0)
		m.progress.Bytes.Store(0)
	}
}

// fail notes why the move has failed. The first reason counts.
func (m *storageMove) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = err
	}
}

func (m *storageMove) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// end is the end of the move.
func (m *storageMove) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase = moveDone; m.err != nil {
		m.phase = moveFailed
	}
	if !m.began.IsZero() {
		m.took = time.Since(m.began)
	}
}

// isUnderWay tells whether it has not ended.
func (m *storageMove) isUnderWay() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.phase != moveDone && m.phase != moveFailed
}

// moved is what changes as long as a copy gets on.
func (m *storageMove) moved() [3]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return [3]uint64{m.progress.Entries.Load(), m.progress.Bytes.Load(), uint64(len(m.phase))}
}

func (m *storageMove) status() server.StorageMove {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := server.StorageMove{
		From: m.note.From, To: m.note.To, Left: m.note.Left, Phase: m.phase,
		Entries: m.progress.Entries.Load(), EntriesTotal: m.entries, Bytes: m.progress.Bytes.Load(), For: m.took,
	}
	switch {
	case m.isDone:
		st.Phase, st.Left, st.Unchanged = moveDone, "", true
	case m.err != nil:
		st.Error, st.Left = m.err.Error(), ""
	}
	if st.For == 0 && !m.began.IsZero() {
		st.For = time.Since(m.began)
	}
	return st
}

// storageMoveStatus is the last move of the store; nil if there was none in this life.
func (h *Host) storageMoveStatus() *server.StorageMove {
	m := h.moving.Load()
	if m == nil {
		return nil
	}
	st := m.status()
	return &st
}

// logMove says how a move has ended.
func (h *Host) logMove(m *storageMove) {
	st := m.status()
	if st.Error != "" && !errors.Is(m.failure(), server.ErrStopped) {
		h.logger.Warn("the store was not moved, and the storage before goes on", "event", events.Storage, "storage", st.From, "next", st.To, "error", st.Error)
	}
}
