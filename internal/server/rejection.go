package server

import (
	"errors"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// rejections are requests that raft did not take, or that were forwarded and not
// answered, and whose clients were not told yet. The raft goroutine puts them in, and
// waits neither for a client nor for the lock of all requests: this one is held for
// moments.
type rejections struct {
	wake chan struct{} // capacity 1: something came in

	mu   sync.Mutex
	list []rejection
}

type rejection struct {
	ids []node.RequestID
	err error // the node's reason
}

func newRejections() *rejections { return &rejections{wake: make(chan struct{}, 1)} }

// Rejected implements the node's port: the requests have no effect.
func (s *Server) Rejected(ids []node.RequestID, err error) {
	s.rejections.mu.Lock()
	s.rejections.list = append(s.rejections.list, rejection{ids, err})
	s.rejections.mu.Unlock()
	wake.Up(s.rejections.wake)
}

// errUnanswered: a forwarded proposal was not answered, and its outcome will not be known
// soon.
var errUnanswered = errors.New("forwarded and not answered")

// Unanswered implements the node's port: messages to the leader were lost, and
// nothing is heard of the requests.
func (s *Server) Unanswered(ids []node.RequestID) { s.Rejected(ids, errUnanswered) }

// whyRejected puts the node's reason into the service's words.
func (s *Server) whyRejected(err error) *Error {
	reason := &Error{Err: ErrProposalDropped, Detail: "leadership is being transferred, or too much is uncommitted", RetryAfter: s.cfg.Tick}
	switch {
	case errors.Is(err, node.ErrChangePending):
		reason = &Error{Err: ErrChangePending, RetryAfter: s.cfg.Election}
	case errors.Is(err, node.ErrTooLate):
		reason.Detail = "its time would be up before it is applied, and others wait"
	case errors.Is(err, node.ErrLeaderLost):
		reason = &Error{Err: ErrLeaderLost, NotApplied: true, Detail: "it is not in the next leader's log"}
	case errors.Is(err, node.ErrTooMany):
		reason = &Error{Err: ErrTooManyRequests, Detail: err.Error(), RetryAfter: s.cfg.Tick}
	case errors.Is(err, node.ErrQuarantined):
		if own := s.refusal(); errors.As(own, &reason) {
			return reason
		}
		// Without the way to the leader: it is the one that takes nothing.
		return &Error{Err: ErrQuarantined, Detail: err.Error(), RetryAfter: s.cfg.Election}
	case errors.Is(err, node.ErrUnfit):
		reason = &Error{Err: ErrNotReady, Detail: err.Error(), RetryAfter: s.cfg.Tick}
	case errors.Is(err, node.ErrNoSpace):
		reason = &Error{Err: ErrNoSpace, Detail: err.Error(), RetryAfter: s.cfg.Election}
	case s.leader() == 0:
		reason = s.noLeader()
	}
	return s.hint(reason)
}

// endRejected tells the clients.
func (s *Server) endRejected() {
	for {
		select {
		case <-s.stop:
			return
		case <-s.rejections.wake:
		}
		for _, r := range s.takeRejections() {
			s.reject(r)
		}
	}
}

func (s *Server) takeRejections() []rejection {
	s.rejections.mu.Lock()
	defer s.rejections.mu.Unlock()
	list := s.rejections.list
	s.rejections.list = nil
	return list
}

func (s *Server) reject(r rejection) {
	if errors.Is(r.err, errUnanswered) {
		s.unanswered(r.ids)
		return
	}
	var reason error
	var change refusal
	isChange := errors.As(r.err, &change)
	if isChange {
		reason = change // tryChange puts it into words
	} else {
		reason = s.whyRejected(r.err)
	}
	failed := make([]*waiter, 0, len(r.ids))
	s.mu.Lock()
	for _, id := range r.ids {
		if !isChange && !refusedHere(r.err) {
			s.heardOf(id)
		}
		if w := s.takeWaiter(id); w != nil {
			failed = append(failed, w)
		}
	}
	s.mu.Unlock()
	now := time.Now()
	for _, w := range failed {
		if !isChange {
			s.metrics.ended(refused, w, now)
		}
		w.done(Result{}, reason)
	}
}

// refusedHere tells whether this member has refused a proposal by itself, without
// a word of the leader.
func refusedHere(err error) bool {
	if errors.Is(err, node.ErrByLeader) {
		return false
	}
	return errors.Is(err, node.ErrTooLate) || errors.Is(err, node.ErrUnfit) || errors.Is(err, node.ErrQuarantined) || errors.Is(err, node.ErrNoSpace)
}

// leader is the present leader as the node knows it.
func (s *Server) leader() member.ID {
	n, _ := s.attached()
	if n == nil {
		return 0
	}
	return n.State().Leader
}

// noLeader refuses what needs a leader, of which this member knows none. An election can be
// over a tick later, and a client that is told so again waits longer by itself.
func (s *Server) noLeader() *Error {
	return &Error{Err: ErrNoLeader, RetryAfter: s.cfg.Tick}
}
