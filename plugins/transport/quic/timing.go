package quictransport

import "time"

// timing holds every duration of the backend.
type timing struct {
	// dial bounds connecting to one URL, greeting included: a second plus an
	// election timeout (statement B8).
	dial time.Duration
	// link is how long a connection may be silent, a write stuck, and a
	// stranger without a greeting. It belongs to the wire: both ends rely on
	// it, whatever their election timeout is.
	link time.Duration
	// unanswered is how long a peer may leave what was written unacknowledged, beside
	// four round trips, until the host is told: within a second (statement B5).
	unanswered time.Duration
	// heartbeat is the time between two heartbeats of a link.
	heartbeat time.Duration
	// redial is the least time between two attempts to dial a peer, and knock
	// the usual time between two attempts to dial a remote one.
	redial, knock time.Duration
	// removed is the same after the peer said that this node was removed.
	removed time.Duration
}

func newTiming(election time.Duration) timing {
	const link = 5 * time.Second
	dial := time.Second + election
	return timing{
		dial:       dial,
		link:       link,
		unanswered: 600 * time.Millisecond,
		heartbeat:  link / 3,
		redial:     100 * time.Millisecond,
		knock:      link / 10,
		removed:    dial,
	}
}
