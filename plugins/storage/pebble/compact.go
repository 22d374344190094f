package pebble

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Compact implements storage.Storage. pebble frees the space when it merges
// its tables.
func (s *store) Compact(ctx context.Context, index uint64) (uint64, error) {
	if err := s.enterWith(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	s.writing.Lock()
	defer s.writing.Unlock()
	if index <= s.state.base {
		return s.state.base + 1, nil
	}
	if newest := s.shelf.Newest(); index > newest || index > s.state.last {
		return 0, fmt.Errorf("compact to %d: %w: the newest snapshot is at %d, the last entry at %d",
			index, plugins.ErrInvalidArgument, newest, s.state.last)
	}
	next := s.state.clone()
	next.compact(index)
	if err := s.restart(next, index+1); err != nil {
		return 0, fmt.Errorf("compact to %d: %w", index, err)
	}
	return index + 1, nil
}

// restart deletes the entries below end and makes next the state, in one
// write. Whoever calls it holds writing.
func (s *store) restart(next logState, end uint64) error {
	b := s.db.NewBatch()
	err := b.DeleteRange(entryKey(0), entryKey(end), nil)
	if err == nil {
		err = b.Set([]byte(startKey), encodeStart(next.base, next.terms[0].Term), nil)
	}
	if err == nil && next.hard != s.state.hard {
		err = b.Set([]byte(hardKey), encodeHard(next.hard), nil)
	}
	if err != nil {
		return s.fail(err)
	}
	return s.write(b, next, true)
}

// install makes the log begin after the snapshot at index.
func (s *store) install(index, term uint64, hs storage.HardState) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if index <= s.state.base || index < s.state.hard.Commit || hs.Commit > index {
		return fmt.Errorf("%w: the log begins at %d, its commit is %d, the new one %d",
			plugins.ErrInvalidArgument, s.state.base+1, s.state.hard.Commit, hs.Commit)
	}
	if hs == (storage.HardState{}) {
		hs = s.state.hard
	}
	hs.Commit = index // what a snapshot holds is committed
	end := s.state.last + 1
	next := newLogState(index, term)
	next.hard = hs
	return s.restart(next, end)
}

// checkPrefix refuses a snapshot of this node that is not of its own log.
func (s *store) checkPrefix(index, term uint64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch l := &s.state; {
	case index > l.last:
		return fmt.Errorf("%w: a snapshot at %d of a log that ends at %d", plugins.ErrInvalidArgument, index, l.last)
	case index >= l.base && term != l.term(index):
		return fmt.Errorf("%w: a snapshot at %d of term %d, the log has term %d there",
			plugins.ErrInvalidArgument, index, term, l.term(index))
	}
	return nil
}
