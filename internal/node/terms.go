package node

import (
	"fmt"
	"sort"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// termIndex answers the term of every index of the log from its boundaries,
// so that no answer to raft needs a read. Boundaries ascend in index and term;
// the first one is that of the entry before the first index.
type termIndex struct {
	bounds []storage.TermBoundary
}

// term returns the term at index, which must not be below the first boundary.
func (t *termIndex) term(index uint64) uint64 {
	i := sort.Search(len(t.bounds), func(i int) bool { return t.bounds[i].Index > index })
	if i == 0 {
		return 0
	}
	return t.bounds[i-1].Term
}

// note records that the entry at index has this term and that nothing follows
// it.
func (t *termIndex) note(index, term uint64) {
	n := len(t.bounds)
	for n > 1 && t.bounds[n-1].Index >= index { // the first is of the entry before the log, and stays
		n--
	}
	t.bounds = t.bounds[:n]
	if n == 0 || t.bounds[n-1].Term != term {
		t.bounds = append(t.bounds, storage.TermBoundary{Term: term, Index: index})
	}
}

// compact forgets everything before index, whose own term is kept.
func (t *termIndex) compact(index uint64) {
	term := t.term(index)
	i := sort.Search(len(t.bounds), func(i int) bool { return t.bounds[i].Index > index })
	rest := append([]storage.TermBoundary{{Term: term, Index: index}}, t.bounds[i:]...)
	if len(rest) > 1 && rest[1].Term == term {
		rest = append(rest[:1], rest[2:]...)
	}
	t.bounds = rest
}

// reset makes index the last one before an empty log.
func (t *termIndex) reset(index, term uint64) {
	t.bounds = []storage.TermBoundary{{Term: term, Index: index}}
}

// newTermIndex checks boundaries that come from a storage plugin.
func newTermIndex(bounds []storage.TermBoundary, first, last uint64) (termIndex, error) {
	if len(bounds) == 0 {
		bounds = []storage.TermBoundary{{Index: first - 1}}
	}
	if bounds[0].Index != first-1 {
		return termIndex{}, fmt.Errorf("first term boundary is at index %d, the log starts at %d", bounds[0].Index, first)
	}
	for i := 1; i < len(bounds); i++ {
		if bounds[i].Index <= bounds[i-1].Index || bounds[i].Term <= bounds[i-1].Term || bounds[i].Index > last {
			return termIndex{}, fmt.Errorf("term boundaries %v do not ascend up to index %d", bounds, last)
		}
	}
	return termIndex{bounds: append([]storage.TermBoundary(nil), bounds...)}, nil
}
