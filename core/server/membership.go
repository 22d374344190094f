package server

import (
	"context"
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
)

// Membership implements Service.
func (s *Server) Membership() Membership {
	_, registry := s.progress.get()
	return Membership{ClusterID: s.cfg.ClusterID, Members: registry.Members(), Leader: s.leader()}
}

// AddMember implements Service.
func (s *Server) AddMember(ctx context.Context, m Member) (Membership, error) {
	if m.ID == 0 {
		m.ID = NodeID(randomNumber())
	}
	return s.change(ctx, member.Change{Op: member.Add, Member: m})
}

// UpdateMember implements Service.
func (s *Server) UpdateMember(ctx context.Context, m Member) (Membership, error) {
	return s.change(ctx, member.Change{Op: member.Update, Member: m})
}

// RemoveMember implements Service.
func (s *Server) RemoveMember(ctx context.Context, id NodeID) (Membership, error) {
	m, err := s.change(ctx, member.Change{Op: member.Remove, Member: Member{ID: id}})
	if errors.Is(err, ErrUnknownMember) {
		return s.Membership(), nil
	}
	return m, err
}

// change proposes a membership change at the leader and waits until it is
// applied or refused.
func (s *Server) change(ctx context.Context, c member.Change) (Membership, error) {
	id, start := s.newRequest(), time.Now()
	outcome := make(chan error, 1)
	n, err := s.register(id, 0, 0, func(_ Result, err error) { outcome <- err })
	if err != nil {
		return Membership{}, err
	}
	n.Do(func(core *node.Core) error {
		err := core.ProposeChange(id, c)
		if err != nil && !errors.Is(err, node.ErrFailed) {
			s.mu.Lock()
			w := s.takeWaiter(id)
			s.mu.Unlock()
			if w != nil {
				w.done(Result{}, err)
			}
		}
		return err
	})
	select {
	case err = <-outcome:
	case <-ctx.Done():
		return Membership{}, s.abandoned(ctx, start)
	}
	if err != nil {
		return Membership{}, s.changeError(err)
	}
	return s.Membership(), nil
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
	case errors.Is(err, node.ErrDropped):
		return s.hint(&Error{Err: ErrProposalDropped, RetryAfter: s.cfg.Tick})
	case errors.Is(err, node.ErrNoSuccessor):
		return &Error{Err: ErrProposalDropped, Detail: err.Error(), RetryAfter: s.cfg.Election}
	case errors.Is(err, member.ErrUnknown):
		return &Error{Err: ErrUnknownMember, Detail: err.Error()}
	default:
		return &Error{Err: ErrChangeRefused, Detail: err.Error()}
	}
}

func (s *Server) notLeader() error {
	if s.leader() == 0 {
		return &Error{Err: ErrNoLeader, RetryAfter: s.cfg.Election / 2}
	}
	return s.hint(&Error{Err: ErrNotLeader})
}

// TransferLeader implements Service.
func (s *Server) TransferLeader(ctx context.Context, to NodeID) (NodeID, error) {
	if to == 0 {
		return s.HandOver(ctx)
	}
	n, err := s.currentNode()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	outcome := make(chan error, 1)
	n.Do(func(c *node.Core) error {
		err := c.Transfer(to)
		outcome <- err
		return err
	})
	select {
	case err := <-outcome:
		if err != nil {
			return 0, s.changeError(err)
		}
	case <-ctx.Done():
		return 0, &Error{Err: ErrTimeout}
	}
	return s.waitOtherLeader(ctx, to)
}

// waitOtherLeader waits until somebody else leads; to, unless it is 0.
func (s *Server) waitOtherLeader(ctx context.Context, to NodeID) (NodeID, error) {
	for {
		changed := s.changed.next()
		leader := s.leader()
		if leader != 0 && leader != s.cfg.ID && (to == 0 || leader == to) || to == s.cfg.ID && leader == to {
			return leader, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, s.hint(&Error{Err: ErrTimeout, Detail: "leadership was not taken over"})
		case <-s.queue.done: // after the raft goroutine: no leader is seen any more
			return 0, &Error{Err: ErrStopped}
		}
	}
}
