// Package logstate is what a log amounts to beside its entries, hard state, range
// and terms, and what the contract of package storage forbids with a log in that
// state. A backend changes it when it changes its log, and asks it first: the errors
// of its checks are those that storage.Storage documents for the call.
//
// A log of its own needs State.CheckAppend and State.Take, CheckRead, CheckCompact and
// Compact, CheckInstall, CheckSnapshot, and State.Opened at the end of Open. A State is
// some 16 bytes for each term that is in the log, whatever the number of its entries.
package logstate

import (
	"sort"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// State is everything of a log but its entries. A copy shares the terms, so that
// one of the two may change only after Clone. It is not safe for concurrent use.
type State struct {
	Hard storage.HardState
	// Base is the last index that was given up and Last that of the last entry:
	// the same in an empty log.
	Base, Last uint64
	// Terms are the boundaries, ascending in both fields; Terms[0] is that of Base.
	Terms []storage.TermBoundary
}

// New is an empty log after the entry at index base, of that term.
func New(base, term uint64) State {
	return State{Base: base, Last: base, Terms: []storage.TermBoundary{{Index: base, Term: term}}}
}

// Clone is a copy that can be changed alone.
func (s *State) Clone() State {
	c := *s
	c.Terms = append(make([]storage.TermBoundary, 0, len(s.Terms)+1), s.Terms...)
	return c
}

// Term returns the term of index i, which must be in [Base, Last].
func (s *State) Term(i uint64) uint64 {
	return s.Terms[max(s.above(i), 1)-1].Term
}

// TermOf finds the term of index by the term boundaries of a log, as storage.State has them;
// false if they begin later. An index beyond the log's last one has the term of that.
func TermOf(terms []storage.TermBoundary, index uint64) (term uint64, ok bool) {
	if n := above(terms, index); n > 0 {
		return terms[n-1].Term, true
	}
	return 0, false
}

// above is the place of the first boundary above index i.
func (s *State) above(i uint64) int { return above(s.Terms, i) }

func above(terms []storage.TermBoundary, i uint64) int {
	return sort.Search(len(terms), func(k int) bool { return terms[k].Index > i })
}

// LastTerm is the term of the last entry, or that of Base in an empty log.
func (s *State) LastTerm() uint64 { return s.Terms[len(s.Terms)-1].Term }

// Cut discards the entries from index first on, which is above Base.
func (s *State) Cut(first uint64) {
	s.Last = first - 1
	for n := len(s.Terms); n > 1 && s.Terms[n-1].Index >= first; n-- {
		s.Terms = s.Terms[:n-1]
	}
}

// Add appends an entry of that term after the last one.
func (s *State) Add(term uint64) {
	s.Last++
	if term != s.LastTerm() {
		s.Terms = append(s.Terms, storage.TermBoundary{Index: s.Last, Term: term})
	}
}

// SetHard takes in a batch's hard state, of which zero means unchanged.
func (s *State) SetHard(hs storage.HardState) {
	if hs != (storage.HardState{}) {
		s.Hard = hs
	}
}

// Take takes in a batch that CheckAppend has let through.
func (s *State) Take(b *storage.Batch) {
	if len(b.Entries) > 0 {
		s.Cut(b.Entries[0].Index)
	}
	for i := range b.Entries {
		s.Add(b.Entries[i].Term)
	}
	s.SetHard(b.HardState)
}

// Compact gives up the entries up to index, of that term; index is in [Base, Last].
func (s *State) Compact(index, term uint64) {
	s.Base = index
	s.Terms = s.Terms[max(s.above(index), 1)-1:]
	s.Begin(term)
}

// Begin says the term of Base. Where it was unknown a boundary may have been put at
// which no term begins: it goes.
func (s *State) Begin(term uint64) {
	s.Terms[0] = storage.TermBoundary{Index: s.Base, Term: term}
	if len(s.Terms) > 1 && s.Terms[1].Term == term {
		s.Terms = append(s.Terms[:1], s.Terms[2:]...)
	}
}

// Restart empties the log, which begins after the entry at index base, of that term.
// The hard state stays.
func (s *State) Restart(base, term uint64) {
	s.Base, s.Last = base, base
	s.Terms = append(s.Terms[:0], storage.TermBoundary{Index: base, Term: term})
}

// Opened is what Open answers of the log, with terms of its own.
func (s *State) Opened() storage.State {
	hard := s.Hard
	// A compacted entry was in a snapshot of applied entries, so it was
	// committed even if the last commit index was never synced.
	hard.Commit = max(hard.Commit, s.Base)
	return storage.State{
		HardState: hard, FirstIndex: s.Base + 1, LastIndex: s.Last,
		Terms: append([]storage.TermBoundary(nil), s.Terms...),
	}
}
