package wal

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// checkBatches refuses batches that would break the contract, before anything
// of them is written. state is not changed.
func checkBatches(state *logState, batches []storage.Batch, limits plugins.Limits) error {
	last, commit := state.last(), state.hard.Commit
	for i := range batches {
		b := &batches[i]
		if n := len(b.Entries); n > 0 {
			first := b.Entries[0].Index
			if first > last+1 || first <= state.compacted || first <= commit {
				return fmt.Errorf("append batch %d of %d: %w: entries begin at %d, the log is [%d,%d] with commit %d",
					i+1, len(batches), plugins.ErrInvalidArgument, first, state.compacted+1, last, commit)
			}
			if err := checkEntries(b.Entries, termBefore(state, batches[:i], first), limits); err != nil {
				return fmt.Errorf("append batch %d of %d: %w", i+1, len(batches), err)
			}
			last = b.Entries[n-1].Index
		}
		if b.HardState.Commit > last {
			return fmt.Errorf("append batch %d of %d: %w: commit %d is beyond the last index %d",
				i+1, len(batches), plugins.ErrInvalidArgument, b.HardState.Commit, last)
		}
		if b.HardState != (storage.HardState{}) {
			commit = b.HardState.Commit
		}
	}
	return nil
}

// termBefore returns the term of index first-1 once the earlier batches are
// in. The latest of them that begins at or below that index has it: whatever
// came after began above it.
func termBefore(state *logState, earlier []storage.Batch, first uint64) uint64 {
	for i := len(earlier) - 1; i >= 0; i-- {
		if e := earlier[i].Entries; len(e) > 0 && e[0].Index < first {
			return e[first-1-e[0].Index].Term
		}
	}
	return state.term(first - 1)
}

func checkEntries(entries []storage.Entry, term uint64, limits plugins.Limits) error {
	size := uint64(0)
	for i := range entries {
		e := &entries[i]
		if e.Index != entries[0].Index+uint64(i) {
			return fmt.Errorf("%w: entry %d follows entry %d", plugins.ErrInvalidArgument, e.Index, entries[i-1].Index)
		}
		if e.Term < term || e.Term == 0 {
			return fmt.Errorf("%w: entry %d has term %d after term %d", plugins.ErrInvalidArgument, e.Index, e.Term, term)
		}
		if uint32(e.Type) > 0xff {
			return fmt.Errorf("%w: entry %d has type %d", plugins.ErrInvalidArgument, e.Index, e.Type)
		}
		if n := uint64(len(e.Data)); n > limits.MaxEntryBytes {
			return fmt.Errorf("%w: entry %d has %d bytes, the limit is %d", plugins.ErrLimit, e.Index, n, limits.MaxEntryBytes)
		}
		size += uint64(len(e.Data))
		term = e.Term
	}
	if len(entries) > 1 && size > limits.MaxBatchBytes {
		return fmt.Errorf("%w: %d entries have %d bytes, the limit of a batch is %d",
			plugins.ErrLimit, len(entries), size, limits.MaxBatchBytes)
	}
	return nil
}
