package shell

import (
	"math/rand/v2"
	"time"
)

// Timing holds the durations that all backends have.
type Timing struct {
	// Dial bounds connecting to one URL, and waiting for the head of an answer: a
	// second plus an election timeout (statement B8).
	Dial time.Duration
	// Link is how long a connection or a stream may be silent, a write may be stuck,
	// and a stranger may stay without a greeting. It belongs to the wire: both ends
	// rely on it, whatever their election timeout is.
	Link time.Duration
	// Heartbeat is the time between two heartbeats of a link.
	Heartbeat time.Duration
	// Redial is the least time between two attempts to dial a peer or one of its
	// streams, and Knock the usual time between two questions to a peer without any.
	Redial, Knock time.Duration
	// Removed is the least time between two attempts after the peer said that this
	// node was removed.
	Removed time.Duration
}

// NewTiming returns those of a cluster with this election timeout.
func NewTiming(election time.Duration) Timing {
	const link = 5 * time.Second
	dial := time.Second + election
	return Timing{
		Dial: dial, Link: link, Heartbeat: link / 3,
		Redial: 100 * time.Millisecond, Knock: link / 10, Removed: dial,
	}
}

// Again is how long to wait after an attempt to dial: Redial, and by chance up to half of
// it more. Two processes that serve one member end each other's streams whenever they
// dial. If both waited equally long, each heartbeat of a leader would meet the same
// one for as long as their clocks agree.
func (t Timing) Again() time.Duration { return t.Redial + rand.N(t.Redial/2+1) }
