package api

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/mem"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// isFull tells whether a proposal was refused because there is no room for it.
func isFull(err error) bool { return errors.Is(err, server.ErrTooManyRequests) }

// full refuses a value for which there is no room, before its bytes are put
// together; nil if it is for others to judge.
func (s *proposalStream) full(bytes int) error {
	if bytes > s.limits.MaxValueBytes {
		return nil
	}
	if err := s.svc.Full(bytes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overLocked(bytes + proposalOverhead) {
		return s.fullLocked()
	}
	if !s.lane.has(amount{1, int64(bytes)}) {
		s.lane.pool.mu.Lock()
		defer s.lane.pool.mu.Unlock()
		return s.crowdedLocked()
	}
	return nil
}

// overLocked tells whether a proposal of that size is over the bounds of the stream.
func (s *proposalStream) overLocked(size int) bool {
	return s.pending >= s.limits.MaxInFlight || s.bytes+size > s.limits.MaxInFlightBytes
}

// refusedAt returns since when those of some answers were on their way that refuse
// for want of room.
func refusedAt(answers []proposalResult) (since []time.Time) {
	for i := range answers {
		if !answers[i].refusedAt.IsZero() {
			since = append(since, answers[i].refusedAt)
		}
	}
	return since
}

// A delivery is the pool that the bytes of a batch of answers go back to. That is when
// the connection's writer has written them, or has given them up.
type delivery struct {
	mem.BufferPool
	since   []time.Time
	seconds prometheus.Observer
}

// Put implements mem.BufferPool.
func (d *delivery) Put(b *[]byte) {
	for _, since := range d.since {
		d.seconds.Observe(time.Since(since).Seconds())
	}
	d.BufferPool.Put(b)
}

// pooledBytes is the size from which on gRPC gives a buffer back to its pool.
const pooledBytes = 2 << 10

func (r *resultBatch) encode(pool mem.BufferPool) mem.BufferSlice {
	if large, ok := r.parts(); ok {
		return large
	}
	return mem.BufferSlice{r.buffer(pool)}
}

// buffer makes a batch's bytes. Those of one with refusals tell when they are written.
func (r *resultBatch) buffer(pool mem.BufferPool) mem.Buffer {
	size := r.size()
	if r.refusals != nil {
		if since := refusedAt(r.answers); len(since) > 0 {
			pool = &delivery{BufferPool: pool, since: since, seconds: r.refusals}
			size = max(size, pooledBytes)
		}
	}
	buf := pool.Get(size)
	*buf = r.appendTo((*buf)[:0])
	return mem.NewBuffer(buf, pool)
}
