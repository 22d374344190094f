package catalog

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long a slot waits before it starts a plugin again that
// ended unasked. The wait doubles with each exit in a row, up to Max, and is
// drawn from its upper half so that plugins that died together do not start
// together.
type Backoff struct {
	// Min and Max default to 100 ms and 10 s.
	Min, Max time.Duration
}

// delay returns the wait after the given number of exits in a row, with
// fraction in [0, 1) as the draw.
func (b Backoff) delay(exits int, fraction float64) time.Duration {
	if exits <= 0 {
		return 0
	}
	d := b.Min
	for range exits - 1 {
		if d >= b.Max/2 {
			d = b.Max
			break
		}
		d *= 2
	}
	d = min(d, b.Max)
	return d/2 + time.Duration(fraction*float64(d-d/2))
}

// CrashLoop says when a slot gives up: after more than Exits exits in a row of
// lives that came to nothing. A life has come to something if its host said so
// (Instance.Progressed), or if it lasted for Within, whatever it did. They
// default to 10 and 10 minutes: a plugin that is killed now and then goes on
// being started, and the slot gives up on one that crashes on the same entry
// every quarter of a minute.
type CrashLoop struct {
	Exits  int
	Within time.Duration
}

// history is what a slot remembers of its plugin's exits.
type history struct {
	backoff   Backoff
	crashLoop CrashLoop

	// progressed: the present life has come to something.
	progressed bool
	// early counts the exits in a row of lives that did not.
	early int
	// notBefore is the earliest time of the next start.
	notBefore time.Time
	// failed: the crash-loop limit was reached.
	failed bool
}

// exited records an exit that the host did not ask for, of a process that was
// started at the given time, and tells whether that life had come to
// something.
func (h *history) exited(started, now time.Time) (good bool) {
	good = h.progressed || now.Sub(started) >= h.crashLoop.Within
	h.progressed = false
	h.early++
	if good {
		h.early = 0
	}
	h.failed = h.early > h.crashLoop.Exits
	h.notBefore = now.Add(h.backoff.delay(max(h.early, 1), rand.Float64()))
	return good
}

// stopped records an end that was asked for: the next start need not wait.
func (h *history) stopped() {
	h.early, h.progressed = 0, false
	h.notBefore = time.Time{}
}
