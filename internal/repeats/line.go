// Package repeats decides when a log speaks of what happens again and again: at
// once, and then not before a pause is over, with how often it has happened
// meanwhile. The text, and where it is written, are its users' matter.
package repeats

import (
	"sync"
	"time"
)

// A Line is spoken of as one matter. The zero value has nothing to tell yet. Its
// methods may be called from any goroutine, and none is held up by the writing of a log.
type Line struct {
	mu    sync.Mutex
	entry Entry
}

// Note takes one more time. If a line is due, times is how many there were
// since the last one, this one included.
func (l *Line) Note(now time.Time, pause time.Duration) (times int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	silent, due := l.entry.note(now, pause)
	return silent + 1, due
}

// An Entry is what is known of one matter.
type Entry struct {
	// Since is when it happened first, Last when it happened last, and Said when a
	// line was due last.
	Since, Last, Said time.Time
	// Silent is how often it has happened since then.
	Silent int
}

// note reports whether a line is due, and how often none was since the last one.
func (e *Entry) note(now time.Time, pause time.Duration) (silent int, due bool) {
	if e.Since.IsZero() {
		e.Since = now
	}
	e.Last = now
	if !e.Said.IsZero() && now.Sub(e.Said) < pause {
		e.Silent++
		return 0, false
	}
	silent, e.Silent, e.Said = e.Silent, 0, now
	return silent, true
}
