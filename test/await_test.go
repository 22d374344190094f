//go:build linux

package e2e

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// patience bounds waits for what must happen.
const patience = live.Patience

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	live.Eventually(t, what, condition)
}

// within reports whether condition comes to hold in the given time.
func within(limit time.Duration, condition func() bool) bool { return live.Within(limit, condition) }
