package server

import (
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// occupancy is how much of MaxPending and MaxPendingBytes is taken. A refusal
// reads it without a lock, so as not to wait for requests that are admitted, expire or
// are answered, thousands at a time.
type occupancy struct {
	proposals, bytes atomic.Int64
}

// none says that there is no proposal any more.
func (o *occupancy) none() {
	o.proposals.Store(0)
	o.bytes.Store(0)
}

// full is why there is no room for one more proposal of so many bytes, nil if there
// is. Under mu that is the last word; without it there may be none a moment later.
func (s *Server) full(size int64) error {
	proposals, bytes := s.occupied.proposals.Load(), s.occupied.bytes.Load()
	switch {
	case proposals >= int64(s.cfg.MaxPending):
		return &Error{Err: ErrTooManyRequests, Detail: fmt.Sprintf("%d are pending", proposals), RetryAfter: s.cfg.Tick}
	case bytes+size > s.cfg.MaxPendingBytes:
		return &Error{Err: ErrTooManyRequests, Detail: fmt.Sprintf("%d bytes are pending", bytes), RetryAfter: s.cfg.Tick}
	}
	return nil
}

// Full implements Service.
func (s *Server) Full(bytes int) error {
	err := s.full(int64(bytes))
	if err != nil {
		s.metrics.proposals[refused].Inc()
	}
	return err
}

// Refusals observes how many seconds the refusal of a proposal for want of room took
// in the host.
func (s *Server) Refusals() prometheus.Observer { return s.metrics.refusal }

// refusalBuckets are for what takes microseconds on a machine with time for it, and
// seconds on one that has none. The promise is the bound of one of them.
func refusalBuckets() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
}
