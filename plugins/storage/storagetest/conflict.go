package storagetest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// testConflict replaces the end of the log, as a follower does when the leader
// has other entries (paper, section 5.3).
func (h Harness) testConflict(t *testing.T) {
	rule.Checks(t, "ST-12", "ST-6")
	for _, c := range []struct {
		name        string
		first, n    uint64
		terms       []storage.TermBoundary
		replacement uint64 // term
	}{
		{"SameLength", 6, 5, []storage.TermBoundary{boundary(0, 0), boundary(1, 1), boundary(5, 2), boundary(6, 4)}, 4},
		{"Longer", 8, 10, []storage.TermBoundary{boundary(0, 0), boundary(1, 1), boundary(5, 2), boundary(8, 4)}, 4},
		{"Shorter", 3, 1, []storage.TermBoundary{boundary(0, 0), boundary(1, 1), boundary(3, 4)}, 4},
		{"AtABoundary", 5, 2, []storage.TermBoundary{boundary(0, 0), boundary(1, 1), boundary(5, 3)}, 3},
		{"AllOfIt", 1, 3, []storage.TermBoundary{boundary(0, 0), boundary(1, 4)}, 4},
		{"SameTerm", 7, 2, []storage.TermBoundary{boundary(0, 0), boundary(1, 1), boundary(5, 2)}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.restarts(t, func(t *testing.T, restart func(*session)) {
				se := h.start(t)
				log := append(entries(1, 4, 1), entries(5, 6, 2)...)
				se.append(log...)
				se.append(entries(c.first, c.n, c.replacement)...)
				want := append(log[:c.first-1:c.first-1], entries(c.first, c.n, c.replacement)...)
				se.expectLog(want...)
				restart(se)
				se.expectBounds(1, c.first+c.n-1, c.terms...)
				se.expectLog(want...)
			})
		})
	}
	t.Run("WithinOneCall", func(t *testing.T) {
		se := h.start(t)
		se.appendBatches(
			storage.Batch{Entries: entries(1, 9, 1)},
			storage.Batch{Entries: entries(4, 3, 2)},
			storage.Batch{Entries: entries(6, 4, 5), MustSync: true},
		)
		want := append(append(entries(1, 3, 1), entries(4, 2, 2)...), entries(6, 4, 5)...)
		se.expectLog(want...)
		se.reopen()
		se.expectBounds(1, 9, boundary(0, 0), boundary(1, 1), boundary(4, 2), boundary(6, 5))
		se.expectLog(want...)
	})
	t.Run("OfTheTermBefore", h.testOverruled)
	t.Run("ManyTimes", func(t *testing.T) {
		se := h.start(t)
		var want []storage.Entry
		for term := uint64(1); term < 60; term++ {
			first := term // keeps one entry of each term
			want = append(want[:first-1], entries(first, 20, term)...)
			se.append(entries(first, 20, term)...)
		}
		se.expectLog(want...)
		se.reopen()
		se.expectLog(want...)
	})
}

// testOverruled replaces a suffix that is longer than what a store keeps in one
// piece by entries of the term before it, and gives up all before it: no term
// begins there, however the store finds its end again.
func (h Harness) testOverruled(t *testing.T) {
	rule.Checks(t, "ST-6", "ST-12")
	h.restarts(t, func(t *testing.T, restart func(*session)) {
		se := h.start(t)
		se.append(entries(1, 39, 2)...)
		for index := uint64(40); index < 46; index++ {
			e := entries(index, 1, 3)
			e[0].Data = make([]byte, 1<<20)
			se.append(e...)
		}
		want := append(entries(40, 6, 2), entries(46, 1, 4)...)
		hs := storage.HardState{Term: 4, Commit: 39}
		se.appendBatches(storage.Batch{Entries: want, HardState: hs, MustSync: true})
		se.save(meta(39, 2), false, []byte("state"))
		se.compact(39, 40)
		for range 5 { // the space before may be given back at any time
			restart(se)
			se.expectBounds(40, want[len(want)-1].Index, boundary(39, 2), boundary(46, 4))
			for range 10 {
				e := entries(want[len(want)-1].Index+1, 1, 4)
				se.append(e...)
				want = append(want, e...)
			}
			se.expectLog(want...)
		}
	})
}
