package api

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
)

const (
	// mostRefusals are the refusals of all clients that wait to be read. A stream
	// that would bring more ends: that refuses the rest of its proposals in one
	// word.
	mostRefusals = 64 << 10
	// A stream is read more slowly after refusals: each costs refusalPause, and the
	// message that brings them messagePause, times the streams that wait for that
	// reason. The stream waits when it owes shortestPause, and at most longestPause at
	// once. A client that sends what is refused takes little of a processor that way,
	// and one that is refused now and then does not wait.
	refusalPause  = 10 * time.Microsecond
	messagePause  = 100 * time.Microsecond
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

// A brake says how long a stream is not read after refusals.
type brake struct{ paid time.Time } // when what was refused is paid for

// press adds the refusals of one message, and returns how long to wait.
func (b *brake) press(now time.Time, refused int, streams int64) time.Duration {
	if b.paid.Before(now) {
		b.paid = now
	}
	b.paid = b.paid.Add(time.Duration(streams) * (messagePause + time.Duration(refused)*refusalPause))
	if most := now.Add(longestPause); b.paid.After(most) {
		b.paid = most
	}
	d := b.paid.Sub(now)
	if d < shortestPause {
		return 0
	}
	return d
}

// pause waits after so many refusals of a message before more is read.
func (s *proposalStream) pause(refused int) {
	if refused == 0 {
		return
	}
	d := s.brake.press(time.Now(), refused, s.bounds.pausing.Load()+1)
	if d == 0 {
		return
	}
	s.bounds.pausing.Add(1)
	defer s.bounds.pausing.Add(-1)
	pause.Until(s.gone, d)
}
