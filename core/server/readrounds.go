package server

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/core/node"
)

// readRounds asks raft for the read index, one round at a time: all reads that
// come while a round is under way share the next one.
type readRounds struct {
	s     *Server
	boot  uint64
	count uint64
	wake  chan struct{}

	mu      sync.Mutex
	next    *readRound
	current *readRound
}

// readRound is one ReadIndex and those who wait for it.
type readRound struct {
	context []byte // of the latest try; nil before the first
	index   uint64
	done    chan struct{}
}

func newReadRounds(s *Server, boot uint64) *readRounds {
	return &readRounds{s: s, boot: boot, wake: make(chan struct{}, 1), next: &readRound{done: make(chan struct{})}}
}

// join waits for a round that starts after the call and returns its index. When
// nothing is applied any more, there is nothing to wait for: ErrStopping.
func (r *readRounds) join(ctx context.Context) (uint64, error) {
	r.mu.Lock()
	round := r.next
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	select {
	case <-round.done:
		return round.index, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-r.s.queue.done:
		return 0, ErrStopping
	}
}

// run drives the rounds.
func (r *readRounds) run() {
	for {
		select {
		case <-r.s.stop:
			return
		case <-r.wake:
		}
		r.mu.Lock()
		r.current, r.next = r.next, &readRound{done: make(chan struct{})}
		round := r.current
		r.mu.Unlock()
		if !r.ask(round) {
			return
		}
	}
}

// ask repeats the question until it is answered: an answer gets lost with a
// leader. Every try has a context of its own; a late answer to an earlier try
// of the same round is not used (reliability notes, finding 9).
func (r *readRounds) ask(round *readRound) bool {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-round.done:
			return true
		case <-r.s.stop:
			return false
		case <-retry.C:
			if n, _ := r.s.attached(); n != nil {
				context := r.newContext()
				r.mu.Lock()
				round.context = context
				r.mu.Unlock()
				n.Do(func(c *node.Core) error { return c.ReadIndex(context) })
			}
			retry.Reset(r.s.cfg.Election / 2)
		}
	}
}

// newContext returns one that was never used before.
func (r *readRounds) newContext() []byte {
	r.count++
	b := binary.BigEndian.AppendUint64(nil, uint64(r.s.cfg.ID))
	b = binary.BigEndian.AppendUint64(b, r.boot)
	return binary.BigEndian.AppendUint64(b, r.count)
}

// Read implements the node's port.
func (s *Server) Read(read node.Read) {
	r := s.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.current; c != nil && c.context != nil && string(c.context) == string(read.Context) {
		c.index = read.Index
		c.context = nil
		close(c.done)
		r.current = nil
	}
}
