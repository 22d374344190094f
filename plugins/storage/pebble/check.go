package pebble

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// admit applies batches to state, which is the caller's copy, and refuses what
// would break the contract.
func admit(state *logState, batches []storage.Batch, limits plugins.Limits) error {
	for i := range batches {
		if err := check(state, &batches[i], limits); err != nil {
			return fmt.Errorf("append batch %d of %d: %w", i+1, len(batches), err)
		}
		state.take(&batches[i])
	}
	return nil
}

func check(state *logState, b *storage.Batch, limits plugins.Limits) error {
	last := state.last
	if n := len(b.Entries); n > 0 {
		first := b.Entries[0].Index
		if first > last+1 || first <= state.base || first <= state.hard.Commit {
			return fmt.Errorf("%w: entries begin at %d, the log is [%d,%d] with commit %d",
				plugins.ErrInvalidArgument, first, state.base+1, last, state.hard.Commit)
		}
		if err := checkEntries(b.Entries, state.term(first-1), limits); err != nil {
			return err
		}
		last = b.Entries[n-1].Index
	}
	if b.HardState.Commit > last {
		return fmt.Errorf("%w: commit %d is beyond the last index %d", plugins.ErrInvalidArgument, b.HardState.Commit, last)
	}
	return nil
}

func checkEntries(entries []storage.Entry, term uint64, limits plugins.Limits) error {
	size := uint64(0)
	for i := range entries {
		e := &entries[i]
		switch n := uint64(len(e.Data)); {
		case e.Index != entries[0].Index+uint64(i):
			return fmt.Errorf("%w: entry %d follows entry %d", plugins.ErrInvalidArgument, e.Index, entries[i-1].Index)
		case e.Term < term || e.Term == 0:
			return fmt.Errorf("%w: entry %d has term %d after term %d", plugins.ErrInvalidArgument, e.Index, e.Term, term)
		case uint32(e.Type) > 0xff:
			return fmt.Errorf("%w: entry %d has type %d", plugins.ErrInvalidArgument, e.Index, e.Type)
		case n > limits.MaxEntryBytes:
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
