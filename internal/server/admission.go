package server

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// waiter is a request that was admitted. Its place among MaxPending and
// MaxPendingBytes is its own until its outcome is known, or will never be (see
// over). That may be later than the answer to a client whose time is up: the
// data that it has brought wait on, and take up memory, all the same.
type waiter struct {
	done     func(Result, error) // nil once the client has its answer
	start    time.Time
	deadline time.Time
	size     int64
	change   bool   // of the membership: it has room of its own
	reign    uint64 // in which it was admitted
}

func (s *Server) newWaiter(size int64, timeout time.Duration, done func(Result, error)) *waiter {
	limit := RequestTimeout(s.cfg.Election)
	if timeout <= 0 || timeout > limit {
		timeout = limit
	}
	now := time.Now()
	return &waiter{done: done, start: now, deadline: now.Add(timeout), size: size}
}

// register admits a request. The code that takes a waiter's done away calls it.
func (s *Server) register(id node.RequestID, w *waiter) (*node.Node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unavailable(); err != nil {
		return nil, err
	}
	if err := s.admit(w); err != nil {
		return nil, err
	}
	w.reign = s.reigns.Load().number
	s.waiters[id.Number] = w
	s.count(w, 1)
	return s.node, nil
}

// admit refuses what there is no room for. Callers hold mu.
func (s *Server) admit(w *waiter) error {
	switch {
	case w.change && s.changes >= maxChanges:
		return &Error{Err: ErrTooManyRequests, Detail: fmt.Sprintf("%d membership changes are pending", s.changes), RetryAfter: s.cfg.Election}
	case w.change:
		return nil
	}
	return s.full(w.size)
}

// count keeps the sums over all waiters: one comes, or goes. Callers hold mu.
func (s *Server) count(w *waiter, by int) {
	s.occupied.bytes.Add(int64(by) * w.size)
	if w.change {
		s.changes += by
	} else {
		s.occupied.proposals.Add(int64(by))
	}
	if w.done == nil {
		s.answered += by
	}
}

// takeWaiter gives back the place of a request of this process. It returns the
// waiter, or nil if its client has an answer already. Callers hold mu.
func (s *Server) takeWaiter(id node.RequestID) *waiter {
	w := s.waiters[id.Number]
	if w == nil || id.Origin != s.cfg.ID {
		return nil
	}
	delete(s.waiters, id.Number)
	s.count(w, -1)
	if w.done == nil {
		return nil
	}
	return w
}

// Pending is how many requests wait for their answer.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiters) - s.answered
}

// admitted is how many requests have a place.
func (s *Server) admitted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiters)
}
