package sdk

import (
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Work tells the host of long work, so that it does not take the plugin for hung. The zero
// value is at rest. A backend embeds one, which makes it a plugins.BusyReporter, and announces
// plugins.CapabilityBusy:
//
//	end := m.Begin("compacting the index")
//	defer end()
//	for _, table := range tables {
//		merge(table)
//		m.Advance(1)
//	}
//
// Its methods may be called concurrently, and take no lock but their own.
type Work struct {
	mu       sync.Mutex
	under    []*string // the works under way, the last one begun is shown
	progress uint64
}

// Begin says that work has begun which is called what, for people. Of more than
// plugins.MaxBusyBytes it shows the first. The function that it returns ends it; a second call
// of that does nothing.
func (w *Work) Begin(what string) (end func()) {
	text := shownWork(what)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.under = append(w.under, &text)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if i := slices.Index(w.under, &text); i >= 0 {
			w.under = slices.Delete(w.under, i, i+1)
		}
	}
}

// maxAdvance is what one Advance adds at most.
const maxAdvance = 1 << 40

// Advance says that the work has got on, by as much as the caller likes to count, at most 2^40.
// The host waits for that: without it, work that goes on looks like work that hangs. The progress
// never falls, whatever is counted: the host would take no word of it until it is above its old
// height again.
func (w *Work) Advance(by uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress += min(by, maxAdvance, math.MaxUint64-w.progress)
}

// Busy implements plugins.BusyReporter.
func (w *Work) Busy() plugins.Busy {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.under) == 0 {
		return plugins.Busy{}
	}
	return plugins.Busy{What: *w.under[len(w.under)-1], Progress: w.progress}
}

// shownWork is what as a host takes it: one line that can be printed, not too long, not empty.
func shownWork(what string) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, what)
	if len(text) > plugins.MaxBusyBytes {
		text = strings.ToValidUTF8(text[:plugins.MaxBusyBytes], "")
	}
	if text = strings.TrimSpace(text); text == "" {
		return "work"
	}
	return text
}
