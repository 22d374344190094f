package logstate

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// maxType is the highest entry type that a backend has a byte for.
const maxType = 0xff

// CheckAppend refuses batches that would break the contract, before anything of
// them is written. The state is not changed.
func (s *State) CheckAppend(batches []storage.Batch, limits plugins.Limits) error {
	last, hard := s.Last, s.Hard
	for i := range batches {
		b := &batches[i]
		if n := len(b.Entries); n > 0 {
			first := b.Entries[0].Index
			if first > last+1 || first <= s.Base || first <= hard.Commit {
				return fmt.Errorf("append batch %d of %d: %w: entries begin at %d, the log is [%d,%d] with commit %d",
					i+1, len(batches), plugins.ErrInvalidArgument, first, s.Base+1, last, hard.Commit)
			}
			if err := checkEntries(b.Entries, s.termBefore(batches[:i], first), limits); err != nil {
				return fmt.Errorf("append batch %d of %d: %w", i+1, len(batches), err)
			}
			last = b.Entries[n-1].Index
		}
		if b.HardState.Commit > last {
			return fmt.Errorf("append batch %d of %d: %w: commit %d is beyond the last index %d",
				i+1, len(batches), plugins.ErrInvalidArgument, b.HardState.Commit, last)
		}
		var err error
		if hard, err = Follow(hard, b.HardState); err != nil {
			return fmt.Errorf("append batch %d of %d: %w", i+1, len(batches), err)
		}
	}
	return nil
}

// Follow returns the hard state after next, of which zero means unchanged, and refuses one
// whose term or commit falls.
func Follow(hard, next storage.HardState) (storage.HardState, error) {
	switch {
	case next == storage.HardState{}:
		return hard, nil
	case next.Term < hard.Term || next.Commit < hard.Commit:
		return hard, fmt.Errorf("%w: a hard state of term %d and commit %d after term %d and commit %d",
			plugins.ErrInvalidArgument, next.Term, next.Commit, hard.Term, hard.Commit)
	}
	return next, nil
}

// termBefore returns the term of index first-1 once the earlier batches are
// in. The latest of them that begins at or below that index has it: later ones
// began above it.
func (s *State) termBefore(earlier []storage.Batch, first uint64) uint64 {
	for i := len(earlier) - 1; i >= 0; i-- {
		if e := earlier[i].Entries; len(e) > 0 && e[0].Index < first {
			return e[first-1-e[0].Index].Term
		}
	}
	return s.Term(first - 1)
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
		case uint32(e.Type) > maxType:
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

// CheckRead refuses a range that is not in the log.
func (s *State) CheckRead(lo, hi uint64) error {
	switch {
	case lo > hi:
		return fmt.Errorf("%w: read [%d,%d)", plugins.ErrInvalidArgument, lo, hi)
	case lo <= s.Base:
		return fmt.Errorf("read [%d,%d): %w: the first index is %d", lo, hi, storage.ErrCompacted, s.Base+1)
	case hi > s.Last+1:
		return fmt.Errorf("read [%d,%d): %w: the last index is %d", lo, hi, storage.ErrUnavailable, s.Last)
	}
	return nil
}

// CheckCompact refuses to give up entries that newest, the index of the newest
// visible snapshot, does not have. An index of at most Base is not for it.
func (s *State) CheckCompact(index, newest uint64) error {
	if index > newest || index > s.Last {
		return fmt.Errorf("compact to %d: %w: the newest snapshot is at %d, the last entry at %d",
			index, plugins.ErrInvalidArgument, newest, s.Last)
	}
	return nil
}

// CheckSnapshot refuses a snapshot of this node that is not of its own log.
func (s *State) CheckSnapshot(index, term uint64) error {
	switch {
	case index > s.Last:
		return fmt.Errorf("%w: a snapshot at %d of a log that ends at %d", plugins.ErrInvalidArgument, index, s.Last)
	case index >= s.Base && term != s.Term(index):
		return fmt.Errorf("%w: a snapshot at %d of term %d, the log has term %d there",
			plugins.ErrInvalidArgument, index, term, s.Term(index))
	}
	return nil
}

// CheckInstall refuses a received snapshot that the log has passed, and a falling term. It
// returns the hard state that the log has after the installation with hs.
func (s *State) CheckInstall(index uint64, hs storage.HardState) (storage.HardState, error) {
	if index <= s.Base || index < s.Hard.Commit || hs.Commit > index {
		return storage.HardState{}, fmt.Errorf("%w: the log begins at %d, its commit is %d, the new one %d",
			plugins.ErrInvalidArgument, s.Base+1, s.Hard.Commit, hs.Commit)
	}
	if hs != (storage.HardState{}) {
		hs.Commit = index // what a snapshot holds is committed
	}
	hs, err := Follow(s.Hard, hs)
	hs.Commit = index
	return hs, err
}
