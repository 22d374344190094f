package logstate

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// plain is a log that has every entry, and says of its terms what they say.
type plain struct {
	hard     storage.HardState
	base     uint64
	baseTerm uint64
	terms    []uint64
}

func (p *plain) last() uint64 { return p.base + uint64(len(p.terms)) }

func (p *plain) term(i uint64) uint64 {
	if i == p.base {
		return p.baseTerm
	}
	return p.terms[i-p.base-1]
}

// refuses is the contract of storage.Batch word for word, but for the limits.
func (p *plain) refuses(b *storage.Batch) bool {
	last := p.last()
	for i, e := range b.Entries {
		if i == 0 && (e.Index > last+1 || e.Index <= p.base || e.Index <= p.hard.Commit) {
			return true
		}
		before := uint64(0)
		switch {
		case i > 0 && e.Index != b.Entries[i-1].Index+1:
			return true
		case i > 0:
			before = b.Entries[i-1].Term
		default:
			before = p.term(e.Index - 1)
		}
		if e.Term < before || e.Term == 0 {
			return true
		}
	}
	if n := len(b.Entries); n > 0 {
		last = b.Entries[n-1].Index
	}
	falls := b.HardState != storage.HardState{} && (b.HardState.Term < p.hard.Term || b.HardState.Commit < p.hard.Commit)
	return falls || b.HardState.Commit > last
}

func (p *plain) take(b *storage.Batch) {
	if len(b.Entries) > 0 {
		p.terms = p.terms[:b.Entries[0].Index-p.base-1]
	}
	for _, e := range b.Entries {
		p.terms = append(p.terms, e.Term)
	}
	if b.HardState != (storage.HardState{}) {
		p.hard = b.HardState
	}
}

func (p *plain) boundaries() []storage.TermBoundary {
	at := []storage.TermBoundary{{Index: p.base, Term: p.baseTerm}}
	for i, term := range p.terms {
		if term != at[len(at)-1].Term {
			at = append(at, storage.TermBoundary{Index: p.base + 1 + uint64(i), Term: term})
		}
	}
	return at
}

// drawBatch is sound as often as not.
func drawBatch(t *rapid.T, last, term uint64) storage.Batch {
	near := func(n uint64, label string) uint64 {
		return uint64(max(0, int64(n)+rapid.Int64Range(-3, 1).Draw(t, label)))
	}
	b := storage.Batch{}
	first := near(last+1, "first")
	for i := range rapid.Uint64Range(0, 3).Draw(t, "entries") {
		e := storage.Entry{Index: first + i, Term: term}
		if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
			e.Index, e.Term = near(e.Index, "index"), near(e.Term, "term")
		}
		term += rapid.Uint64Range(0, 1).Draw(t, "rise")
		b.Entries = append(b.Entries, e)
	}
	if rapid.Bool().Draw(t, "hard") {
		b.HardState = storage.HardState{Term: term, Vote: 1, Commit: near(last, "commit")}
	}
	return b
}

// Random batches, compactions and installations against a log that has all of it:
// several batches together are refused exactly if one of them would be, after those
// before it, and the state is what the entries say.
func TestTheStateIsThatOfAPlainLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := New(0, 0), plain{}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"append", "append", "append", "compact", "install"}).Draw(t, "step") {
			case "append":
				appendBoth(t, &s, &p)
			case "compact":
				index := rapid.Uint64Range(p.base, p.last()).Draw(t, "index")
				s.Compact(index, s.Term(index))
				p.baseTerm, p.terms, p.base = p.term(index), p.terms[index-p.base:], index
			case "install":
				index := p.last() + rapid.Uint64Range(0, 2).Draw(t, "ahead")
				var given storage.HardState
				if rapid.Bool().Draw(t, "given") {
					given = storage.HardState{Term: rapid.Uint64Range(1, 5).Draw(t, "term"), Vote: 2}
				}
				hs, err := s.CheckInstall(index, given)
				falls := given.Vote != 0 && given.Term < p.hard.Term
				if refused := index <= p.base || index < p.hard.Commit || falls; refused != (err != nil) {
					t.Fatalf("install at %d of %+v: %v", index, p, err)
				}
				if err != nil {
					continue
				}
				term := p.term(p.last()) + 1
				s.Restart(index, term)
				s.Hard = hs
				if given.Vote != 0 {
					p.hard = given
				}
				p = plain{hard: p.hard, base: index, baseTerm: term}
				p.hard.Commit = index
			}
			same(t, &s, &p)
		}
	})
}

func appendBoth(t *rapid.T, s *State, p *plain) {
	next := plain{p.hard, p.base, p.baseTerm, append([]uint64(nil), p.terms...)}
	var batches []storage.Batch
	refused := false
	for range rapid.IntRange(1, 3).Draw(t, "batches") {
		b := drawBatch(t, next.last(), max(next.term(next.last()), 1))
		batches = append(batches, b)
		if refused = refused || next.refuses(&b); !refused {
			next.take(&b)
		}
	}
	err := s.CheckAppend(batches, plugins.DefaultLimits())
	if refused != (err != nil) || err != nil && !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Fatalf("%+v to %+v: refused is %v, the error %v", batches, *p, refused, err)
	}
	if err != nil {
		return
	}
	for i := range batches {
		s.Take(&batches[i])
	}
	*p = next
}

func same(t *rapid.T, s *State, p *plain) {
	if s.Base != p.base || s.Last != p.last() || s.Hard != p.hard || s.LastTerm() != p.term(p.last()) {
		t.Fatalf("the state is %+v, the log %+v", *s, *p)
	}
	if got, want := fmt.Sprint(s.Terms), fmt.Sprint(p.boundaries()); got != want {
		t.Fatalf("terms %s, want %s", got, want)
	}
	for i := p.base; i <= p.last(); i++ {
		if s.Term(i) != p.term(i) {
			t.Fatalf("term of %d is %d, want %d", i, s.Term(i), p.term(i))
		}
		if err := s.CheckSnapshot(i, p.term(i)); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckSnapshot(i, p.term(i)+1); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Fatalf("a snapshot of another term at %d: %v", i, err)
		}
	}
}

// Limits are refused with ErrLimit, a type that has no byte with ErrInvalidArgument.
func TestEntriesOverTheLimits(t *testing.T) {
	limits := plugins.DefaultLimits()
	limits.MaxEntryBytes, limits.MaxBatchBytes = 10, 15
	s := New(0, 0)
	for name, c := range map[string]struct {
		sizes []int
		typ   storage.Entry
		want  error
	}{
		"an entry at the limit":   {sizes: []int{10}},
		"an entry over it":        {sizes: []int{11}, want: plugins.ErrLimit},
		"a batch at the limit":    {sizes: []int{10, 5}},
		"a batch over it":         {sizes: []int{10, 6}, want: plugins.ErrLimit},
		"the highest type":        {sizes: []int{1}, typ: storage.Entry{Type: 0xff}},
		"a type that has no byte": {sizes: []int{1}, typ: storage.Entry{Type: 0x100}, want: plugins.ErrInvalidArgument},
		"a negative type":         {sizes: []int{1}, typ: storage.Entry{Type: -1}, want: plugins.ErrInvalidArgument},
	} {
		b := storage.Batch{}
		for i, size := range c.sizes {
			b.Entries = append(b.Entries, storage.Entry{Index: uint64(i + 1), Term: 1, Type: c.typ.Type, Data: make([]byte, size)})
		}
		if err := s.CheckAppend([]storage.Batch{b}, limits); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestRanges(t *testing.T) {
	s := New(4, 2)
	s.Take(&storage.Batch{Entries: []storage.Entry{{Index: 5, Term: 2}, {Index: 6, Term: 3}}})
	for _, c := range []struct {
		lo, hi uint64
		want   error
	}{{5, 7, nil}, {7, 7, nil}, {5, 5, nil}, {6, 5, plugins.ErrInvalidArgument}, {4, 6, storage.ErrCompacted}, {5, 8, storage.ErrUnavailable}} {
		if err := s.CheckRead(c.lo, c.hi); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("read [%d,%d): %v, want %v", c.lo, c.hi, err, c.want)
		}
	}
	for _, c := range []struct {
		index, newest uint64
		ok            bool
	}{{5, 5, true}, {6, 9, true}, {6, 5, false}, {7, 9, false}} {
		if err := s.CheckCompact(c.index, c.newest); (err == nil) != c.ok {
			t.Errorf("compact to %d with a snapshot at %d: %v", c.index, c.newest, err)
		}
	}
	if err := s.CheckSnapshot(7, 3); !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("a snapshot beyond the log: %v", err)
	}
	if err := s.CheckSnapshot(3, 9); err != nil {
		t.Errorf("a snapshot below the log, whose term is not known: %v", err)
	}
}

// A copy that was cloned is not changed with its source.
func TestClone(t *testing.T) {
	s := New(0, 0)
	s.Take(&storage.Batch{Entries: []storage.Entry{{Index: 1, Term: 1}, {Index: 2, Term: 2}}})
	c := s.Clone()
	s.Cut(2)
	s.Add(3)
	if got := fmt.Sprint(c.Terms); got != "[{0 0} {1 1} {2 2}]" {
		t.Errorf("the copy became %s", got)
	}
}
