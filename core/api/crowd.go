package api

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/core/server"
)

const (
	// mostRefusals are the refusals of all clients that wait to be read. A stream
	// that would bring more ends: that refuses the rest of its proposals in one
	// word.
	mostRefusals = 64 << 10
	// A stream is read more slowly after refusals: each costs refusalPause, times
	// the streams to which that happens, at least shortestPause and at most
	// longestPause at once. A client that sends what is refused takes little of a
	// processor that way.
	refusalPause  = 10 * time.Microsecond
	shortestPause = time.Millisecond
	longestPause  = 500 * time.Millisecond
)

// fullLocked says which bounds of the stream are reached.
func (s *proposalStream) fullLocked() error {
	return &server.Error{
		Err:        server.ErrTooManyRequests,
		Detail:     fmt.Sprintf("%d proposals of %d bytes in flight on this stream", s.pending, s.bytes),
		RetryAfter: fullRetryAfter,
	}
}

// crowdedLocked says that the client has its share of what is in flight.
func (s *proposalStream) crowdedLocked() error {
	p, l := s.lane.pool, s.lane
	return &server.Error{
		Err: server.ErrTooManyRequests,
		Detail: fmt.Sprintf("%d proposals of %d bytes are in flight, %d of %d bytes of this client: it has its share of %d and %d bytes (api.max_pending_proposals, api.max_pending_bytes)",
			p.used.count, p.used.bytes, l.share.used.count, l.share.used.bytes, p.limit.count, p.limit.bytes),
		RetryAfter: fullRetryAfter,
	}
}

// pause waits after so many refusals before more is read.
func (s *proposalStream) pause(refused int) {
	if refused == 0 {
		return
	}
	streams := s.bounds.pausing.Add(1)
	defer s.bounds.pausing.Add(-1)
	d := min(time.Duration(refused)*refusalPause*time.Duration(streams), longestPause)
	timer := time.NewTimer(max(d, shortestPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.gone:
	}
}
