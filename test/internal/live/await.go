//go:build linux

package live

import (
	"testing"
	"time"
)

// Patience bounds waits for what must happen. It only matters when it does not.
const Patience = time.Minute

// Eventually waits until condition holds.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !Within(Patience, condition) {
		t.Fatalf("waited %v in vain: %s", Patience, what)
	}
}

// Within reports whether condition comes to hold in the given time.
func Within(limit time.Duration, condition func() bool) bool {
	deadline := time.After(limit)
	poll := time.NewTicker(10 * time.Millisecond)
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
