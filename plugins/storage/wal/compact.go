package wal

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// compact gives up the entries up to index, which newest, the index of the
// newest visible snapshot, must cover.
func (j *journal) compact(index, newest uint64) (first uint64, err error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	if index <= j.state.compacted {
		return j.state.compacted + 1, nil
	}
	if last := j.state.last(); index > newest || index > last {
		return 0, fmt.Errorf("compact to %d: %w: the newest snapshot is at %d, the last entry at %d",
			index, plugins.ErrInvalidArgument, newest, last)
	}
	term := j.state.term(index)
	h := header{kind: kindCompact, index: index, term: term}
	if err := j.control(h, nil, func(l *logState) { l.compact(index, term) }); err != nil {
		return 0, fmt.Errorf("compact to %d: %w", index, err)
	}
	j.retireBefore(j.state.firstSegment(j.tail.segment.number))
	return index + 1, nil
}

// install starts the log anew after the snapshot at index. Once it has
// returned without an error, the snapshot is installed for good.
func (j *journal) install(index, term uint64, hs storage.HardState) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if index <= j.state.compacted || index < j.state.hard.Commit || hs.Commit > index {
		return fmt.Errorf("%w: the log begins at %d, its commit is %d, the new one %d",
			plugins.ErrInvalidArgument, j.state.compacted+1, j.state.hard.Commit, hs.Commit)
	}
	if hs == (storage.HardState{}) {
		hs = j.state.hard
	}
	hs.Commit = index // what a snapshot holds is committed
	h := header{kind: kindInstall, index: index, term: term}
	if err := j.control(h, appendHardState(nil, hs), func(l *logState) { l.install(index, term, hs) }); err != nil {
		return err
	}
	j.retireBefore(j.tail.segment.number)
	return nil
}

// checkPrefix refuses a snapshot of this node that is not of its own log.
func (j *journal) checkPrefix(index, term uint64) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	switch last := j.state.last(); {
	case index > last:
		return fmt.Errorf("%w: a snapshot at %d of a log that ends at %d", plugins.ErrInvalidArgument, index, last)
	case index >= j.state.base && term != j.state.term(index):
		return fmt.Errorf("%w: a snapshot at %d of term %d, the log has term %d there",
			plugins.ErrInvalidArgument, index, term, j.state.term(index))
	}
	return nil
}

func (j *journal) commit() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.state.hard.Commit
}
