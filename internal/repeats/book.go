package repeats

import (
	"sync"
	"time"
)

// A Rule says how often a Book has a line.
type Rule struct {
	// Pause is how long no line is due of the same matter after one was.
	Pause time.Duration
	// Most bounds the matters that are remembered. No line is due of others: senders
	// under ever new names fill neither memory nor log.
	Most int
	// Forgets has matters make way for others of which no line was due for a pause.
	// Without it each stays until it has ended.
	Forgets bool
}

// A Book tells matters apart by their keys. Its methods may be called from any
// goroutine, and none is held up by the writing of a log.
type Book[K comparable] struct {
	rule Rule

	mu  sync.Mutex
	all map[K]Entry
}

// New returns a Book in which nothing has happened.
func New[K comparable](r Rule) *Book[K] { return &Book[K]{rule: r, all: map[K]Entry{}} }

// Note takes one more time of a matter. If a line is due, silent is how often none
// was since the last one.
func (b *Book[K]) Note(key K, now time.Time) (silent int, due bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known := b.all[key]
	if !known && !b.room(now) {
		return 0, false
	}
	silent, due = e.note(now, b.rule.Pause)
	b.all[key] = e
	return silent, due
}

// End ends a matter, if it is known.
func (b *Book[K]) End(key K) (e Entry, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known = b.all[key]
	delete(b.all, key)
	return e, known
}

// Settle ends a matter that has not happened for a pause, if it is known.
func (b *Book[K]) Settle(key K, now time.Time) (e Entry, settled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known := b.all[key]
	if !known || now.Sub(e.Last) < b.rule.Pause {
		return Entry{}, false
	}
	delete(b.all, key)
	return e, true
}

// Ended ends all matters that have not happened for a pause, and returns them.
func (b *Book[K]) Ended(now time.Time) (gone map[K]Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, e := range b.all {
		if now.Sub(e.Last) < b.rule.Pause {
			continue
		}
		if gone == nil {
			gone = map[K]Entry{}
		}
		gone[key] = e
		delete(b.all, key)
	}
	return gone
}

// Len is the number of matters that are remembered.
func (b *Book[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// room makes room for one more matter if it can. It needs b.mu.
func (b *Book[K]) room(now time.Time) bool {
	if len(b.all) < b.rule.Most || !b.rule.Forgets {
		return len(b.all) < b.rule.Most
	}
	for key, e := range b.all {
		if now.Sub(e.Said) >= b.rule.Pause {
			delete(b.all, key)
		}
	}
	return len(b.all) < b.rule.Most
}
