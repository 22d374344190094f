package httptransport

import "time"

// timing holds every duration of the backend.
type timing struct {
	// dial bounds connecting to one URL, and waiting for the head of an
	// answer: a second plus an election timeout (statement B8).
	dial time.Duration
	// link is how long a stream may be silent, and a write may be stuck. It
	// belongs to the wire: both ends of a stream rely on it, whatever their
	// election timeout is.
	link time.Duration
	// heartbeat is the time between two link heartbeats.
	heartbeat time.Duration
	// redial is the least time between two attempts to dial one stream.
	redial time.Duration
	// removed is the same after the peer said that this node was removed.
	removed time.Duration
	// old is the same for a stream that the peer is too old to have, and how
	// long one waits to learn the term for the older form of it.
	old time.Duration
	// probe is the time between two probes of a peer whose streams are up, and
	// knock while none is.
	probe, knock time.Duration
	// idle is how long an inbound connection may wait for its next request.
	// Clients of ours give up theirs sooner, after link.
	idle time.Duration
}

func newTiming(election time.Duration) timing {
	const link = 5 * time.Second
	dial := time.Second + election
	return timing{
		dial:      dial,
		link:      link,
		heartbeat: link / 3,
		redial:    100 * time.Millisecond,
		removed:   dial,
		old:       dial,
		probe:     4 * link / 5,
		knock:     link / 10,
		idle:      2*link - time.Second,
	}
}
