//go:build linux

package live

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/await"
)

// Patience bounds waits for what must happen. It only matters when it does not.
const Patience = time.Minute

// Eventually waits until condition holds.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	await.That(t, Patience, what, condition)
}

// Within reports whether condition comes to hold in the given time.
func Within(limit time.Duration, condition func() bool) bool {
	return await.Within(limit, condition)
}
