// Package pause waits: for a while, for an end, or from one look to the next.
package pause

import (
	"context"
	"iter"
	"time"
)

// For waits for d, and reports false if ctx ended before.
func For(ctx context.Context, d time.Duration) bool { return !Until(ctx.Done(), d) }

// Until waits until done is closed, but for d at most, and reports whether it was.
func Until(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Over reports whether done is closed.
func Over(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Every is the time again and again, after each d, until done is closed. A loop that
// takes longer misses some.
func Every(done <-chan struct{}, d time.Duration) iter.Seq[time.Time] {
	return func(look func(time.Time) bool) {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				if !look(now) {
					return
				}
			}
		}
	}
}
