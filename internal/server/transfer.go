package server

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// transferTries is how often leadership is offered to a member. Raft gives a
// transfer up after an election timeout, which a member under load may miss; but
// while one is under way the leader takes no proposals.
const transferTries = 3

// TransferLeader implements Service.
func (s *Server) TransferLeader(ctx context.Context, to NodeID) (NodeID, error) {
	if to == 0 {
		return s.HandOver(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	leader, err := s.offer(ctx, to)
	if err == nil && leader == s.cfg.ID {
		_, err = s.readBarrier(ctx) // it was asked to lead and says that it does: the others know
	}
	if err != nil {
		return 0, err
	}
	return leader, nil
}

// offer begins a transfer, again if it comes to nothing, and waits for its end.
func (s *Server) offer(ctx context.Context, to NodeID) (NodeID, error) {
	for tries := 0; ; {
		begun, err := s.beginTransfer(ctx, to)
		taken := tries > 0 && errors.Is(err, node.ErrNotLeader) // an earlier one, late
		if err != nil && !taken {
			return 0, s.changeError(err)
		}
		if begun {
			tries++
		}
		if taken || tries == transferTries {
			return s.waitOtherLeader(ctx, to)
		}
		part, cancel := context.WithTimeout(ctx, s.cfg.Election)
		leader, err := s.waitOtherLeader(part, to)
		expired := part.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !expired {
			return leader, err
		}
	}
}

// beginTransfer asks raft to hand leadership over, unless it is at it: raft would
// pass over another request, which then has not begun.
func (s *Server) beginTransfer(ctx context.Context, to NodeID) (begun bool, err error) {
	n, err := s.currentNode()
	if err != nil {
		return false, err
	}
	outcome := make(chan error, 1)
	n.Do(func(c *node.Core) error {
		if c.Transferring() == to {
			close(outcome)
			return nil
		}
		err := c.Transfer(to)
		outcome <- err
		return err
	})
	select {
	case err, asked := <-outcome:
		return asked && err == nil, err
	case <-ctx.Done():
		return false, &Error{Err: ErrTimeout}
	}
}

// waitOtherLeader waits until another member leads; to, unless it is 0.
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
