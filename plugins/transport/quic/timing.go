package quictransport

import (
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// timing holds every duration of the backend.
type timing struct {
	shell.Timing
	// unanswered is how long a peer may leave what was written unacknowledged, beside
	// four round trips, until the host is told: within a second (statement B5).
	unanswered time.Duration
}

func newTiming(election time.Duration) timing {
	return timing{Timing: shell.NewTiming(election), unanswered: 600 * time.Millisecond}
}
