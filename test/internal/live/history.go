//go:build linux

package live

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/client/kv"
)

// CounterKey is a key that all writers increment by compare-and-set.
const CounterKey = "counter"

// A History is what writers were told, with the order in which it happened.
type History struct {
	mu     sync.Mutex
	clock  int64
	writes []Write
	// increments are the numbers written to the counter: acknowledged, or of
	// unknown outcome.
	increments map[int]bool
	twice      []int // acknowledged more than once
}

// A Write of a key that no other writer writes. Began and ended are moments of one
// clock.
type Write struct {
	key          string
	began, ended int64
	Outcome
}

// Outcome is what the writer was told: neither means unknown.
type Outcome struct {
	Acked, Absent bool
	Revision      uint64 // 0 if it was lost
}

// Begin notes that a key is about to be written, and returns its place for End.
func (h *History) Begin(key string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.writes = append(h.writes, Write{key: key, began: h.clock})
	return len(h.writes) - 1
}

// End notes what the writer was told of the write at a place.
func (h *History) End(at int, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.writes[at].ended, h.writes[at].Outcome = h.clock, o
}

// Incremented notes an increment of the counter that was acknowledged, or whose
// outcome is unknown.
func (h *History) Incremented(to int, acked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.increments == nil {
		h.increments = map[int]bool{}
	}
	if acked && h.increments[to] {
		h.twice = append(h.twice, to)
	}
	h.increments[to] = h.increments[to] || acked
}

// Check compares the history with what a node has at the end.
func (h *History) Check(t testing.TB, state []kv.Entry) {
	t.Helper()
	byKey := map[string]kv.Entry{}
	for _, e := range state {
		byKey[string(e.Key)] = e
	}
	var acked, absent, unknown int
	for _, w := range h.writes {
		e, there := byKey[w.key]
		switch {
		case w.Acked:
			acked++
			if !there {
				t.Errorf("%s was acknowledged and is lost", w.key)
			} else if w.Revision != 0 && e.ModRevision != w.Revision {
				t.Errorf("%s was acknowledged at revision %d and is at %d", w.key, w.Revision, e.ModRevision)
			}
		case w.Absent:
			absent++
			if there {
				t.Errorf("%s was reported as not applied and is there", w.key)
			}
		default:
			unknown++
		}
		if there && (e.Version != 1 || string(e.Value) != w.key) {
			t.Errorf("%s was written %d times, last %q", w.key, e.Version, e.Value)
		}
	}
	h.checkOrder(t, byKey)
	h.checkCounter(t, byKey[CounterKey])
	t.Logf("%d writes acknowledged, %d not applied, %d unknown; counter %s", acked, absent, unknown, byKey[CounterKey].Value)
}

// checkOrder checks that a write that was acknowledged before another began
// also comes before it in the log.
func (h *History) checkOrder(t testing.TB, byKey map[string]kv.Entry) {
	t.Helper()
	var acked []Write
	for _, w := range h.writes {
		if w.Acked {
			w.Revision = byKey[w.key].ModRevision
			acked = append(acked, w)
		}
	}
	slices.SortFunc(acked, func(a, b Write) int { return cmp.Compare(a.Revision, b.Revision) })
	var latest Write // that began last of those with lower revisions
	for _, w := range acked {
		if w.ended < latest.began {
			t.Errorf("%s was acknowledged before %s began but comes after it: revisions %d and %d", w.key, latest.key, w.Revision, latest.Revision)
		}
		if w.began > latest.began {
			latest = w
		}
	}
}

// checkCounter checks that every increment took place once: the counter's
// value is the number of writes it has had, none was acknowledged twice, and
// a writer wrote all that it counts.
func (h *History) checkCounter(t testing.TB, e kv.Entry) {
	t.Helper()
	if len(h.twice) > 0 {
		t.Errorf("increments acknowledged to two writers: %v", h.twice)
	}
	value, _ := strconv.Atoi(string(e.Value))
	if uint64(value) != e.Version {
		t.Errorf("the counter is %d after %d writes", value, e.Version)
	}
	for to, acked := range h.increments {
		if acked && to > value {
			t.Errorf("increment to %d was acknowledged and is lost: the counter is %d", to, value)
		}
	}
	for to := 1; to <= value; to++ {
		if _, known := h.increments[to]; !known {
			t.Errorf("no writer incremented the counter to %d, which is %d", to, value)
		}
	}
}

// CheckNoneUnknown checks that every writer was told what became of its write.
func (h *History) CheckNoneUnknown(t testing.TB) {
	t.Helper()
	unknown := 0
	for _, w := range h.writes {
		if !w.Acked && !w.Absent {
			unknown++
		}
	}
	if unknown > 0 {
		t.Errorf("the outcome of %d of %d writes is unknown", unknown, len(h.writes))
	}
}
