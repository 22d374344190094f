// Package await has tests wait for what must come true.
package await

import (
	"testing"
	"time"
)

// pause is between two looks.
const pause = 5 * time.Millisecond

// That waits until a condition holds, and fails the test if it does not within limit, which
// only matters then.
func That(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	if !Within(limit, condition) {
		t.Fatalf("waited %v in vain: %s", limit, what)
	}
}

// Within reports whether a condition comes to hold in the given time.
func Within(limit time.Duration, condition func() bool) bool {
	deadline, poll := time.After(limit), time.NewTicker(pause)
	defer poll.Stop()
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			return condition()
		}
	}
	return true
}
