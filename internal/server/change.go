package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// maxChanges bounds the membership changes that wait for an answer. They have
// room of their own: proposals that fill MaxPending do not keep an operator from
// the change that is the way out.
const maxChanges = 64

// A refusal is the word of this member alone: nothing was proposed.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// change proposes a membership change at the leader and waits until it is
// applied or refused. A leader that has just begun, or has another change under
// way, is asked again. A refusal for the sake of the members that it knows is
// confirmed first, for it may have been deposed.
func (s *Server) change(ctx context.Context, c member.Change, o ChangeOptions) (Membership, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	for {
		entry, err := s.tryChange(ctx, start, c, o)
		var refused refusal
		switch {
		case err == nil:
			members := s.Membership()
			members.Index, members.Term = entry.Index, entry.Term
			return members, nil
		case !errors.As(err, &refused):
			return Membership{}, s.changeError(err)
		case errors.Is(err, node.ErrTooEarly):
		case errors.Is(err, node.ErrChangePending) && time.Since(start) < s.cfg.Election:
		case refusedByRegistry(err):
			if err := s.confirm(ctx, c); err != nil {
				return Membership{}, s.changeError(err)
			}
		default:
			return Membership{}, s.changeError(err)
		}
		if !pause.For(ctx, s.cfg.Tick) {
			return Membership{}, s.changeError(err)
		}
	}
}

// tryChange proposes a change once. Of the result index and term are set.
func (s *Server) tryChange(ctx context.Context, start time.Time, c member.Change, o ChangeOptions) (Result, error) {
	id := s.newRequest()
	outcome := make(chan ending, 1)
	deadline, _ := ctx.Deadline()
	w := &waiter{done: func(r Result, err error) { outcome <- ending{r, err} }, start: start, deadline: deadline, change: true}
	propose := func(core *node.Core) error { return core.ForceChange(id, c) }
	if !o.Force {
		pings := s.ping(ctx, c)
		propose = func(core *node.Core) error { return core.ProposeChange(id, c, pings) }
	}
	n, err := s.register(id, w)
	if err != nil {
		return Result{}, err
	}
	n.Do(func(core *node.Core) error {
		err := propose(core)
		if err != nil && !errors.Is(err, node.ErrFailed) {
			s.Rejected([]node.RequestID{id}, refusal{err})
		}
		return err
	})
	select {
	case end := <-outcome:
		return end.result, end.err
	case <-ctx.Done():
		return Result{}, s.abandoned(ctx, start)
	}
}

// refusedByRegistry tells whether the members that the leader knows are the
// reason.
func refusedByRegistry(err error) bool {
	reasons := []error{member.ErrUnknown, member.ErrExists, member.ErrRemovedID, member.ErrLastVoter}
	return slices.ContainsFunc(reasons, func(reason error) bool { return errors.Is(err, reason) })
}

// confirm asks a quorum what the members are. It returns nil if the change
// makes sense for them.
func (s *Server) confirm(ctx context.Context, c member.Change) error {
	if _, err := s.readBarrier(ctx); err != nil {
		return err
	}
	_, registry := s.progress.get()
	return registry.Admit(registry.Complete(c))
}

// changeError puts the reasons of node and registry into the service's words.
func (s *Server) changeError(err error) error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, node.ErrNotLeader):
		return s.notLeader()
	case errors.Is(err, node.ErrChangePending):
		return &Error{Err: ErrChangePending, RetryAfter: s.cfg.Election}
	case errors.Is(err, node.ErrTooEarly):
		return &Error{Err: ErrNotReady, Detail: err.Error(), RetryAfter: s.cfg.Tick}
	case errors.Is(err, node.ErrQuorumAtRisk):
		return &Error{Err: ErrQuorumAtRisk, Detail: without(err, node.ErrQuorumAtRisk)}
	case errors.Is(err, node.ErrNoQuorum):
		return &Error{Err: ErrNoQuorum, Detail: without(err, node.ErrNoQuorum), RetryAfter: s.cfg.Election}
	case errors.Is(err, node.ErrDropped):
		return s.hint(&Error{Err: ErrProposalDropped, RetryAfter: s.cfg.Tick})
	case errors.Is(err, node.ErrNoSuccessor), errors.Is(err, node.ErrHandingOver):
		return s.hint(&Error{Err: ErrProposalDropped, Detail: err.Error(), RetryAfter: s.cfg.Election})
	case errors.Is(err, member.ErrUnknown):
		return &Error{Err: ErrUnknownMember, Detail: err.Error()}
	default:
		return &Error{Err: ErrChangeRefused, Detail: err.Error()}
	}
}

// without is the text of err without that of the sentinel that it begins with.
func without(err, sentinel error) string {
	return strings.TrimPrefix(err.Error(), sentinel.Error()+": ")
}

func (s *Server) notLeader() error {
	if s.leader() == 0 {
		return s.noLeader()
	}
	return s.hint(&Error{Err: ErrNotLeader})
}
