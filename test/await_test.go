//go:build linux

package e2e

import (
	"testing"
	"time"
)

// patience bounds waits for what must happen. It only matters when it does not.
const patience = time.Minute

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !within(patience, condition) {
		t.Fatalf("waited %v in vain: %s", patience, what)
	}
}

// within reports whether condition comes to hold in the given time.
func within(limit time.Duration, condition func() bool) bool {
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
