// Package pause waits: for a while, or for an end.
package pause

import (
	"context"
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
