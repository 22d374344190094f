package httptransport

import (
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// timing holds every duration of the backend.
type timing struct {
	shell.Timing
	// old is the least time between two attempts to dial a stream that the peer is
	// too old to have, and how long one waits to learn the term for the older form of
	// it.
	old time.Duration
	// probe is the time between two probes of a peer whose streams are up.
	probe time.Duration
	// idle is how long an inbound connection may wait for its next request.
	// Clients of ours give up theirs sooner, after Link.
	idle time.Duration
}

func newTiming(election time.Duration) timing {
	t := shell.NewTiming(election)
	return timing{Timing: t, old: t.Dial, probe: 4 * t.Link / 5, idle: 2*t.Link - time.Second}
}
