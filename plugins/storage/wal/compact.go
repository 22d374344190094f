package wal

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Compact implements shell.Log. The entries are given up when the record that says so
// is durable. Their segments go later, in the background: until then Open finds entries
// that the record gives up again.
func (j *journal) Compact(index, newest uint64) (first uint64, err error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	if index <= j.state.compacted {
		return j.state.compacted + 1, nil
	}
	if err := j.state.CheckCompact(index, newest); err != nil {
		return 0, err
	}
	term := j.state.Term(index)
	h := header{kind: kindCompact, index: index, term: term}
	if err := j.control(h, nil, func(l *logState) { l.compact(index, term) }); err != nil {
		return 0, fmt.Errorf("compact to %d: %w", index, err)
	}
	j.retireBefore(j.state.firstSegment(j.tail.segment.number))
	return index + 1, nil
}

// Install implements shell.Log: the log starts anew after the snapshot at index.
// docs/formats/wal.md has the crash cases.
func (j *journal) Install(index, term uint64, hs storage.HardState) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	hs, err := j.state.CheckInstall(index, hs)
	if err != nil {
		return err
	}
	h := header{kind: kindInstall, index: index, term: term}
	if err := j.control(h, appendHardState(nil, hs), func(l *logState) { l.install(index, term, hs) }); err != nil {
		return err
	}
	j.retireBefore(j.tail.segment.number)
	return nil
}

// CheckSnapshot implements shell.Log.
func (j *journal) CheckSnapshot(index, term uint64) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.state.CheckSnapshot(index, term)
}

// Commit implements shell.Log.
func (j *journal) Commit() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.state.Hard.Commit
}
