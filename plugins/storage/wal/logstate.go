package wal

import (
	"sort"

	"github.com/pontoon-raft/pontoon/plugins/storage"
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
	hard storage.HardState
	// compacted is the index up to which entries were given up.
	compacted, compactedTerm uint64
	// base is the index before the first ref. It is compacted, except during
	// replay, when the segments with the entries between were given up by a
	// record that is still to come.
	base uint64
	refs refList // ref i is of entry base+1+i
	// terms are the boundaries; terms[0] is that of base.
	terms []storage.TermBoundary
}

func newLogState(s *start, last, lastTerm uint64) logState {
	return logState{
		hard:          s.hard,
		compacted:     s.compacted,
		compactedTerm: s.compactedTerm,
		base:          last,
		terms:         []storage.TermBoundary{{Index: last, Term: lastTerm}},
	}
}

func (l *logState) last() uint64 { return l.base + uint64(l.refs.len()) }

// term returns the term of index i, which must be in [base, last].
func (l *logState) term(i uint64) uint64 {
	n := sort.Search(len(l.terms), func(k int) bool { return l.terms[k].Index > i })
	return l.terms[max(n, 1)-1].Term
}

func (l *logState) lastTerm() uint64 { return l.terms[len(l.terms)-1].Term }

// cut discards the entries from index first on. Below base, which is where
// replay may come to, the term before them is not known: begin says it later.
func (l *logState) cut(first uint64) {
	if first <= l.base {
		l.base, l.refs = first-1, refList{}
		l.terms = append(l.terms[:0], storage.TermBoundary{Index: l.base})
		return
	}
	l.refs.truncate(int(first - l.base - 1))
	for n := len(l.terms); n > 1 && l.terms[n-1].Index >= first; n-- {
		l.terms = l.terms[:n-1]
	}
}

// add appends the entry after the last one.
func (l *logState) add(term uint64, ref entryRef) {
	l.refs.push(ref)
	if term != l.lastTerm() {
		l.terms = append(l.terms, storage.TermBoundary{Index: l.last(), Term: term})
	}
}

func (l *logState) setHard(hs storage.HardState) {
	if hs != (storage.HardState{}) {
		l.hard = hs
	}
}

// compact gives up the entries up to index, of that term.
func (l *logState) compact(index, term uint64) {
	if index <= l.compacted {
		return
	}
	l.compacted, l.compactedTerm = index, term
	if index < l.base {
		return
	}
	if index >= l.last() {
		l.base, l.refs = index, refList{}
		l.terms = append(l.terms[:0], storage.TermBoundary{Index: index, Term: term})
		return
	}
	l.refs.drop(int(index - l.base))
	l.base = index
	n := sort.Search(len(l.terms), func(k int) bool { return l.terms[k].Index > index })
	l.terms = l.terms[max(n, 1)-1:]
	l.begin(storage.TermBoundary{Index: index, Term: term})
}

// begin says what the first boundary is. During replay the term before base may
// have been unknown (cut), so that a boundary was put where no term begins.
func (l *logState) begin(first storage.TermBoundary) {
	l.terms[0] = first
	if len(l.terms) > 1 && l.terms[1].Term == first.Term {
		l.terms = append(l.terms[:1], l.terms[2:]...)
	}
}

// install starts the log after a snapshot.
func (l *logState) install(index, term uint64, hs storage.HardState) {
	*l = logState{
		hard:          hs,
		compacted:     index,
		compactedTerm: term,
		base:          index,
		terms:         []storage.TermBoundary{{Index: index, Term: term}},
	}
}

// firstSegment is the number of the oldest segment that is needed; without
// entries it is the one given.
func (l *logState) firstSegment(active uint64) uint64 {
	if l.refs.len() == 0 {
		return active
	}
	return uint64(l.refs.at(0).segment)
}
