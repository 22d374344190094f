package wal

import (
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// entryRef says where an entry is on disk and what its bytes are: 16 bytes for
// each entry of the log.
type entryRef struct {
	segment uint32
	offset  uint32 // of the encoded entry in the segment
	length  uint32 // of the encoded entry
	crc     uint32 // of the encoded entry
}

// logState is what the records so far say. It is the same code that takes in
// a record when it is written and when it is read again.
type logState struct {
	logstate.State
	// compacted is the index up to which entries were given up. Base is the same,
	// except during replay, when the segments with the entries between were given up
	// by a record that is still to come.
	compacted, compactedTerm uint64
	refs                     refList // ref i is of entry Base+1+i
}

func newLogState(s *start, last, lastTerm uint64) logState {
	l := logState{State: logstate.New(last, lastTerm), compacted: s.compacted, compactedTerm: s.compactedTerm}
	l.Hard = s.hard
	return l
}

// cut discards the entries from index first on. Below Base, which is where
// replay may come to, the term before them is not known: verifyState says it later.
func (l *logState) cut(first uint64) {
	if first <= l.Base {
		l.Restart(first-1, 0)
		l.refs = refList{}
		return
	}
	l.Cut(first)
	l.refs.truncate(int(first - l.Base - 1))
}

// add appends the entry after the last one.
func (l *logState) add(term uint64, ref entryRef) {
	l.refs.push(ref)
	l.Add(term)
}

// compact gives up the entries up to index, of that term.
func (l *logState) compact(index, term uint64) {
	if index <= l.compacted {
		return
	}
	l.compacted, l.compactedTerm = index, term
	switch {
	case index < l.Base:
	case index >= l.Last:
		l.Restart(index, term)
		l.refs = refList{}
	default:
		l.refs.drop(int(index - l.Base))
		l.Compact(index, term)
	}
}

// install starts the log after a snapshot.
func (l *logState) install(index, term uint64, hs storage.HardState) {
	*l = newLogState(&start{hard: hs, compacted: index, compactedTerm: term}, index, term)
}

// firstSegment is the number of the oldest segment that is needed; without
// entries it is the one given.
func (l *logState) firstSegment(active uint64) uint64 {
	if l.refs.len() == 0 {
		return active
	}
	return uint64(l.refs.at(0).segment)
}
