package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
)

// waiter is a request whose entry is on its way.
type waiter struct {
	done     func(Result, error)
	start    time.Time
	deadline time.Time
	size     int64
	change   bool // of the membership: it has room of its own
}

// Propose implements Service.
func (s *Server) Propose(ctx context.Context, data []byte) (Result, error) {
	type answer struct {
		result Result
		err    error
	}
	timeout := time.Duration(0)
	if d, ok := ctx.Deadline(); ok {
		if timeout = time.Until(d); timeout <= 0 {
			return Result{}, &Error{Err: ErrProposalDropped, Detail: "its deadline had passed"}
		}
	}
	start := time.Now()
	ch := make(chan answer, 1)
	s.ProposeAsync(data, timeout, func(r Result, err error) { ch <- answer{r, err} })
	select {
	case a := <-ch:
		return a.result, a.err
	case <-ctx.Done():
		return Result{}, s.abandoned(ctx, start)
	}
}

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
// likely reason (statement A1).
func (s *Server) timedOut(start, now time.Time) error {
	s.mu.Lock()
	lost := s.lastLost
	s.mu.Unlock()
	reason := ErrTimeout
	if lost.After(start.Add(-2 * s.cfg.Election)) {
		reason = ErrLeaderLost
	}
	return s.hint(&Error{Err: reason, Detail: fmt.Sprintf("after %v", now.Sub(start).Round(time.Millisecond))})
}

// ProposeAsync implements Service.
func (s *Server) ProposeAsync(data []byte, timeout time.Duration, done func(Result, error)) {
	if err := s.checkValue(data); err != nil {
		s.metrics.proposals.WithLabelValues("refused").Inc()
		done(Result{}, err)
		return
	}
	id := s.newRequest()
	n, err := s.register(id, s.newWaiter(int64(len(data)), timeout, done))
	if err != nil {
		s.metrics.proposals.WithLabelValues("refused").Inc()
		done(Result{}, err)
		return
	}
	n.Propose(node.NewProposal(id, data))
}

func (s *Server) checkValue(data []byte) error {
	switch {
	case len(data) == 0:
		return &Error{Err: ErrEmpty}
	case len(data) > s.cfg.MaxValueBytes:
		return s.tooLarge("value", len(data))
	}
	return nil
}

// tooLarge names the setting and the sizes that collided.
func (s *Server) tooLarge(what string, size int) *Error {
	return &Error{Err: ErrTooLarge, Detail: fmt.Sprintf("%s of %d bytes; api.max_value_bytes is %d", what, size, s.cfg.MaxValueBytes)}
}

func (s *Server) newRequest() node.RequestID {
	return node.RequestID{Origin: s.cfg.ID, Number: s.nextRequest.Add(1)}
}

func (s *Server) newWaiter(size int64, timeout time.Duration, done func(Result, error)) *waiter {
	limit := RequestTimeout(s.cfg.Election)
	if timeout <= 0 || timeout > limit {
		timeout = limit
	}
	now := time.Now()
	return &waiter{done: done, start: now, deadline: now.Add(timeout), size: size}
}

// register admits a request. A waiter stands in the map exactly while done has
// not been called; whoever takes it out calls done.
func (s *Server) register(id node.RequestID, w *waiter) (*node.Node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unavailable(); err != nil {
		return nil, err
	}
	if err := s.admit(w); err != nil {
		return nil, err
	}
	s.waiters[id.Number] = w
	s.count(w, 1)
	return s.node, nil
}

// admit refuses what there is no room for. Callers hold mu.
func (s *Server) admit(w *waiter) error {
	proposals := len(s.waiters) - s.changes
	switch {
	case w.change && s.changes >= maxChanges:
		return &Error{Err: ErrTooManyRequests, Detail: fmt.Sprintf("%d membership changes are pending", s.changes), RetryAfter: s.cfg.Election}
	case w.change:
	case proposals >= s.cfg.MaxPending:
		return &Error{Err: ErrTooManyRequests, Detail: fmt.Sprintf("%d are pending", proposals), RetryAfter: s.cfg.Tick}
	case s.pending+w.size > s.cfg.MaxPendingBytes:
		return &Error{Err: ErrTooManyRequests, Detail: fmt.Sprintf("%d bytes are pending", s.pending), RetryAfter: s.cfg.Tick}
	}
	return nil
}

// count keeps the sums over all waiters: one comes, or goes. Callers hold mu.
func (s *Server) count(w *waiter, by int) {
	s.pending += int64(by) * w.size
	if w.change {
		s.changes += by
	}
}

// takeWaiter removes the waiter of a request of this process. Callers hold mu.
func (s *Server) takeWaiter(id node.RequestID) *waiter {
	if id.Origin != s.cfg.ID {
		return nil
	}
	w := s.waiters[id.Number]
	if w != nil {
		delete(s.waiters, id.Number)
		s.count(w, -1)
	}
	return w
}

// Rejected implements the node's port: the requests have no effect.
func (s *Server) Rejected(ids []node.RequestID, err error) {
	reason := &Error{Err: ErrProposalDropped, Detail: "leadership is being transferred, or too much is uncommitted", RetryAfter: s.cfg.Tick}
	switch {
	case errors.Is(err, node.ErrChangePending):
		reason = &Error{Err: ErrChangePending, RetryAfter: s.cfg.Election}
	case errors.Is(err, node.ErrUnfit):
		reason = &Error{Err: ErrNotReady, Detail: err.Error(), RetryAfter: s.cfg.Tick}
	case errors.Is(err, node.ErrNoSpace):
		reason = &Error{Err: ErrNoSpace, Detail: err.Error(), RetryAfter: s.cfg.Election}
	case s.leader() == 0:
		reason = &Error{Err: ErrNoLeader, RetryAfter: s.cfg.Election / 2}
	}
	reason = s.hint(reason)
	s.mu.Lock()
	failed := make([]*waiter, 0, len(ids))
	for _, id := range ids {
		if w := s.takeWaiter(id); w != nil {
			failed = append(failed, w)
		}
	}
	s.mu.Unlock()
	s.metrics.proposals.WithLabelValues("refused").Add(float64(len(failed)))
	for _, w := range failed {
		w.done(Result{}, reason)
	}
}

// leader is the present leader as the node knows it.
func (s *Server) leader() member.ID {
	n, _ := s.attached()
	if n == nil {
		return 0
	}
	return n.State().Leader
}

// expireWaiters ends requests whose time is up, looking once a tick.
func (s *Server) expireWaiters() {
	ticker := time.NewTicker(s.cfg.Tick)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-ticker.C:
			s.expire(now)
		}
	}
}

// expire ends the requests whose deadline is before now.
func (s *Server) expire(now time.Time) {
	s.mu.Lock()
	var expired []*waiter
	for number, w := range s.waiters {
		if now.After(w.deadline) {
			delete(s.waiters, number)
			s.count(w, -1)
			expired = append(expired, w)
		}
	}
	s.mu.Unlock()
	for _, w := range expired {
		s.metrics.proposals.WithLabelValues("unknown").Inc()
		w.done(Result{}, s.timedOut(w.start, now))
	}
}
