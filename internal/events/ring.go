package events

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Bounds of a ring. The oldest event makes way for one that comes.
const (
	MaxEvents = 10_000
	MaxBytes  = 8 << 20
	// repeatWithin is how soon an event has to happen again to be told as the same one.
	repeatWithin = 10 * time.Minute
	// lookBack is how many of the newest events are looked at for the same one.
	lookBack = 64
)

// A Ring has the last events of a host. Its methods may be called from any goroutine, and
// none waits for more than memory.
type Ring struct {
	start     time.Time
	maxEvents int
	maxBytes  int

	mu     sync.Mutex
	events []*Event // by their numbers
	bytes  int
	last   uint64 // the highest number
	// overwritten is the highest number of an event that has made way, and dropped counts
	// those events.
	overwritten, dropped uint64
	changed              chan struct{} // nil until a reader waits
}

// New returns a ring that is empty.
func New() *Ring { return newRing(MaxEvents, MaxBytes) }

func newRing(maxEvents, maxBytes int) *Ring {
	return &Ring{start: time.Now(), maxEvents: maxEvents, maxBytes: maxBytes}
}

// Start names the life of this ring: another one numbers its events from 1 again.
func (r *Ring) Start() uint64 { return uint64(r.start.UnixMilli()) }

// add keeps an event, or tells again one that is the same and not long ago.
func (r *Ring) add(e *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Times, e.Since = 1, e.Time
	if i := r.same(e); i >= 0 {
		before := r.events[i]
		e.Times, e.Since = before.Times+1, before.Since
		r.events = slices.Delete(r.events, i, i+1)
		r.bytes -= before.size()
	}
	r.last++
	e.Number = r.last
	r.events = append(r.events, e)
	r.bytes += e.size()
	for len(r.events) > r.maxEvents || r.bytes > r.maxBytes {
		r.bytes -= r.events[0].size()
		r.overwritten = r.events[0].Number
		r.dropped++
		r.events[0] = nil
		r.events = r.events[1:]
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// same is the place of the event that e is once more; -1 if there is none. After a clock was set
// back the pause is not known, and e is another event. It needs r.mu.
func (r *Ring) same(e *Event) int {
	for i := len(r.events) - 1; i >= max(0, len(r.events)-lookBack); i-- {
		before := r.events[i]
		if pause := e.Time.Sub(before.Time); pause >= 0 && pause < repeatWithin && before.same(e) {
			return i
		}
	}
	return -1
}

// After returns the events with greater numbers, at most so many, in the order of their
// numbers, and how many numbers of those that came after that one have been overwritten.
// changed is closed when there are others.
func (r *Ring) After(number uint64, most int) (events []*Event, lost uint64, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, _ := slices.BinarySearchFunc(r.events, number+1, func(e *Event, n uint64) int { return cmp.Compare(e.Number, n) })
	if r.overwritten > number {
		lost = r.overwritten - number
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	events = slices.Clone(r.events[i:min(len(r.events), i+most)])
	return events, lost, r.changed
}

// Counts are how many events there were, each time that one happened again included, how
// many were overwritten, and how many are kept.
func (r *Ring) Counts() (all, overwritten uint64, kept int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.dropped, len(r.events)
}
