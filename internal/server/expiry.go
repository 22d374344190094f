package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// abandoned is what a request ends with whose context ended first: the effect
// is unknown, and a deadline has the same reasons as the request timeout.
func (s *Server) abandoned(ctx context.Context, start time.Time) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return s.timedOut(start, time.Now())
	}
	return &Error{Err: ErrCanceled}
}

// timedOut is what a request from start on ends with when its time is up. If a
// leader was lost while it was on its way, or shortly before it, that is the
// likely reason; else, if the transport lost messages to the leader then, that is
// (statement A1).
func (s *Server) timedOut(start, now time.Time) error {
	reason, since := ErrTimeout, start.Add(-2*s.cfg.Election)
	switch reign := s.reigns.Load(); {
	case reign.lastLost.After(since):
		reason = ErrLeaderLost
	case s.broken.Load().since(reign, since):
		reason = ErrConnectionLost
	}
	return s.hint(&Error{Err: reason, Detail: fmt.Sprintf("after %v", now.Sub(start).Round(time.Millisecond))})
}

// notHandedIn is what a proposal ends with that raft has not seen when its time
// is up.
func (s *Server) notHandedIn(start, now time.Time) error {
	return s.hint(&Error{
		Err: ErrProposalDropped, RetryAfter: s.cfg.Tick,
		Detail: fmt.Sprintf("its time was up after %v, while it waited for proposals before it", now.Sub(start).Round(time.Millisecond)),
	})
}

// hurry makes the time of a request be up: its client waits no longer.
func (s *Server) hurry(id node.RequestID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.waiters[id.Number]; w != nil {
		w.deadline = w.start
	}
}

// expireWaiters ends requests whose time is up, looking once a tick.
func (s *Server) expireWaiters() {
	for !pause.Until(s.stop, s.cfg.Tick) {
		s.expire(time.Now())
	}
}

// expire ends the requests whose deadline is before now. Those that raft has not
// seen yet are withdrawn: they are not applied, and give their places back. The
// outcome of the others is unknown, and they keep theirs until they are over.
func (s *Server) expire(now time.Time) {
	n, late := s.late(now)
	if len(late) == 0 {
		return
	}
	withdrawn := withdraw(n, func(id node.RequestID) bool { return late[id.Number] != nil })
	type ended struct {
		done      func(Result, error)
		w         *waiter
		withdrawn bool
	}
	var list []ended
	s.mu.Lock()
	for number, w := range late {
		if s.waiters[number] != w {
			continue // its outcome came meanwhile
		}
		if w.done != nil {
			list = append(list, ended{s.release(w), w, withdrawn[number]})
		}
		over := s.over(w, now)
		if over && !withdrawn[number] {
			s.missed(w, now)
		}
		if over || withdrawn[number] {
			delete(s.waiters, number)
			s.count(w, -1)
		}
	}
	s.mu.Unlock()
	for _, e := range list {
		outcome, err := unknown, s.timedOut
		if e.withdrawn {
			outcome, err = refused, s.notHandedIn
		}
		s.metrics.ended(outcome, e.w, now)
		e.done(Result{}, err(e.w.start, now))
	}
}

// unanswered answers clients whose requests were lost on the way to the leader, as
// far as is known. The requests are sent again, so they keep their places until
// their time is up.
func (s *Server) unanswered(ids []node.RequestID) {
	type ended struct {
		done func(Result, error)
		w    *waiter
	}
	var list []ended
	s.mu.Lock()
	for _, id := range ids {
		if w := s.waiters[id.Number]; w != nil && w.done != nil {
			list = append(list, ended{s.release(w), w})
		}
	}
	s.mu.Unlock()
	now := time.Now()
	for _, e := range list {
		s.metrics.ended(unknown, e.w, now)
		detail := fmt.Sprintf("after %v", now.Sub(e.w.start).Round(time.Millisecond))
		e.done(Result{}, s.hint(&Error{Err: ErrConnectionLost, Detail: detail}))
	}
}

// release takes the client from a request, which keeps its place. Callers hold mu.
func (s *Server) release(w *waiter) (done func(Result, error)) {
	done, w.done = w.done, nil
	s.answered++
	return done
}

// late returns the node and the requests whose deadline is before now.
func (s *Server) late(now time.Time) (*node.Node, map[uint64]*waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var late map[uint64]*waiter
	for number, w := range s.waiters {
		if now.After(w.deadline) {
			if late == nil {
				late = map[uint64]*waiter{}
			}
			late[number] = w
		}
	}
	return s.node, late
}

// withdraw takes proposals back from a node, if there is one.
func withdraw(n *node.Node, gone func(node.RequestID) bool) map[uint64]bool {
	if n == nil {
		return nil
	}
	numbers := map[uint64]bool{}
	for _, id := range n.Withdraw(gone) {
		numbers[id.Number] = true
	}
	return numbers
}

// over tells whether it will never be said what became of a request that raft has
// seen. The leader that took a proposal says so as long as it leads; one that was
// forwarded may have been lost on the way, and then no member does. Callers hold
// mu.
func (s *Server) over(w *waiter, now time.Time) bool {
	reign := s.reigns.Load()
	switch {
	case w.change, w.reign != reign.number:
		return true
	case reign.leader == s.cfg.ID:
		return false
	default:
		return now.After(w.start.Add(RequestTimeout(s.cfg.Election)))
	}
}
