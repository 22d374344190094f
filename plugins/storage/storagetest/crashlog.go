package storagetest

import (
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// CrashLog is what a log must contain at some moment of a CrashWorkload.
type CrashLog struct {
	Hard storage.HardState
	// Base is the last entry that was given up.
	Base storage.TermBoundary
	// Entries are those after Base.
	Entries []storage.Entry
}

// Last is the index of the last entry.
func (l CrashLog) Last() uint64 { return l.Base.Index + uint64(len(l.Entries)) }

// Term is the term of the entry at index, which is in [Base.Index, Last()].
func (l CrashLog) Term(index uint64) uint64 {
	if index == l.Base.Index {
		return l.Base.Term
	}
	return l.Entries[index-l.Base.Index-1].Term
}

// Terms are the boundaries that Open must answer.
func (l CrashLog) Terms() []storage.TermBoundary {
	terms := []storage.TermBoundary{l.Base}
	for _, e := range l.Entries {
		if e.Term != terms[len(terms)-1].Term {
			terms = append(terms, storage.TermBoundary{Index: e.Index, Term: e.Term})
		}
	}
	return terms
}

// With is the log after a batch.
func (l CrashLog) With(b storage.Batch) CrashLog {
	if len(b.Entries) > 0 {
		keep := b.Entries[0].Index - l.Base.Index - 1
		l.Entries = append(l.Entries[:keep:keep], b.Entries...)
	}
	if b.HardState != (storage.HardState{}) {
		l.Hard = b.HardState
	}
	return l
}

// Compacted is the log after a Compact to index.
func (l CrashLog) Compacted(index uint64) CrashLog {
	term := l.Term(index)
	l.Entries = l.Entries[index-l.Base.Index:]
	l.Base = storage.TermBoundary{Index: index, Term: term}
	return l
}

// String is equal for equal logs, and what a failed test shows.
func (l CrashLog) String() string {
	l.Hard.Commit = max(l.Hard.Commit, l.Base.Index)
	var b strings.Builder
	fmt.Fprintf(&b, "term %d vote %d commit %d, behind %d/%d:", l.Hard.Term, l.Hard.Vote, l.Hard.Commit, l.Base.Index, l.Base.Term)
	for _, e := range l.Entries {
		fmt.Fprintf(&b, " %d/%d:%x", e.Index, e.Term, crc32.ChecksumIEEE(e.Data))
	}
	return b.String()
}
