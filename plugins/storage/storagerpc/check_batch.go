package storagerpc

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// entryOverhead is at least what an entry takes on the wire beside its data.
const entryOverhead = 40

// checkBatchSize refuses, at either end, what the contract's limits forbid or
// no message could carry.
func checkBatchSize(entries []storage.Entry, limits plugins.Limits) error {
	total := uint64(0)
	for i := range entries {
		n := uint64(len(entries[i].Data))
		if n > limits.MaxEntryBytes {
			return fmt.Errorf("entry %d has %d bytes, at most %d: %w", entries[i].Index, n, limits.MaxEntryBytes, plugins.ErrLimit)
		}
		total += n
	}
	if len(entries) > 1 && total > limits.MaxBatchBytes {
		return fmt.Errorf("batch of %d entries has %d bytes, at most %d: %w", len(entries), total, limits.MaxBatchBytes, plugins.ErrLimit)
	}
	if most := uint64(limits.MaxMessageBytes() - 1<<10); total+uint64(len(entries))*entryOverhead > most {
		return fmt.Errorf("batch of %d entries and %d bytes is more than a message of %d: %w", len(entries), total, most, plugins.ErrLimit)
	}
	return nil
}

// checkSequence refuses batches that contradict each other, whatever the store
// has: a gap between them, an entry replaced that an earlier one commits, a
// term or a commit that falls. Whether they fit the store is for the plugin to judge.
func checkSequence(batches []storage.Batch) error {
	if len(batches) < 2 {
		return nil
	}
	var tail []storage.Entry // of the log, as far as these batches say
	var hard storage.HardState
	var err error
	for _, b := range batches {
		if len(b.Entries) > 0 {
			first := b.Entries[0].Index
			if first <= hard.Commit {
				return fmt.Errorf("entry %d replaces a committed one, commit is %d: %w", first, hard.Commit, plugins.ErrInvalidArgument)
			}
			if tail, err = follow(tail, b.Entries); err != nil {
				return err
			}
		}
		if hard, err = logstate.Follow(hard, b.HardState); err != nil {
			return err
		}
		if len(tail) > 0 && hard.Commit > tail[len(tail)-1].Index {
			return fmt.Errorf("commit %d beyond entry %d: %w", hard.Commit, tail[len(tail)-1].Index, plugins.ErrInvalidArgument)
		}
	}
	return nil
}

// follow is the log's tail after entries.
func follow(tail, entries []storage.Entry) ([]storage.Entry, error) {
	first := entries[0].Index
	if len(tail) > 0 {
		switch {
		case first > tail[len(tail)-1].Index+1:
			return nil, fmt.Errorf("entry %d after entry %d: %w", first, tail[len(tail)-1].Index, plugins.ErrInvalidArgument)
		case first <= tail[0].Index:
			tail = nil // all replaced
		default:
			tail = tail[:first-tail[0].Index]
		}
	}
	for i := range entries {
		if n := len(tail); n > 0 && (entries[i].Index != tail[n-1].Index+1 || entries[i].Term < tail[n-1].Term) {
			return nil, fmt.Errorf("entry %d of term %d after entry %d of term %d: %w",
				entries[i].Index, entries[i].Term, tail[n-1].Index, tail[n-1].Term, plugins.ErrInvalidArgument)
		}
		tail = append(tail, entries[i])
	}
	return tail, nil
}
