// Package pause waits for a while.
package pause

import (
	"context"
	"time"
)

// For waits for d, and reports false if ctx ended before.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
