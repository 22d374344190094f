package pebble

import (
	"sort"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// logState is what is in the log: everything but the entries.
type logState struct {
	hard storage.HardState
	// base is the last index that was given up, terms[0] its boundary.
	base, last uint64
	terms      []storage.TermBoundary
}

func newLogState(base, term uint64) logState {
	return logState{base: base, last: base, terms: []storage.TermBoundary{{Index: base, Term: term}}}
}

// clone is a copy that can be changed alone.
func (l *logState) clone() logState {
	c := *l
	c.terms = append(make([]storage.TermBoundary, 0, len(l.terms)+1), l.terms...)
	return c
}

// term returns the term of index i, which must be in [base, last].
func (l *logState) term(i uint64) uint64 {
	n := sort.Search(len(l.terms), func(k int) bool { return l.terms[k].Index > i })
	return l.terms[max(n, 1)-1].Term
}

func (l *logState) lastTerm() uint64 { return l.terms[len(l.terms)-1].Term }

// cut discards the entries from index first on, which is above base.
func (l *logState) cut(first uint64) {
	l.last = first - 1
	for n := len(l.terms); n > 1 && l.terms[n-1].Index >= first; n-- {
		l.terms = l.terms[:n-1]
	}
}

// add appends the entry after the last one.
func (l *logState) add(term uint64) {
	l.last++
	if term != l.lastTerm() {
		l.terms = append(l.terms, storage.TermBoundary{Index: l.last, Term: term})
	}
}

// take applies a checked batch.
func (l *logState) take(b *storage.Batch) {
	if len(b.Entries) > 0 {
		l.cut(b.Entries[0].Index)
	}
	for i := range b.Entries {
		l.add(b.Entries[i].Term)
	}
	if b.HardState != (storage.HardState{}) {
		l.hard = b.HardState
	}
}

// compact gives up the entries up to index, which is in [base, last].
func (l *logState) compact(index uint64) {
	term := l.term(index)
	n := sort.Search(len(l.terms), func(k int) bool { return l.terms[k].Index > index })
	l.terms = append([]storage.TermBoundary{{Index: index, Term: term}}, l.terms[max(n, 1):]...)
	l.base = index
}

// describe is what Open answers, without the snapshots.
func (l *logState) describe() storage.State {
	hard := l.hard
	// What was compacted was in a snapshot of applied entries, so it was
	// committed even if the last commit index was never synced.
	hard.Commit = max(hard.Commit, l.base)
	return storage.State{
		HardState: hard, FirstIndex: l.base + 1, LastIndex: l.last,
		Terms: append([]storage.TermBoundary(nil), l.terms...),
	}
}
