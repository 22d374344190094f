package server

import (
	"context"

	"github.com/pontoon-raft/pontoon/core/node"
)

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
	leader, err := s.waitOtherLeader(ctx, to)
	if err == nil && leader == s.cfg.ID {
		err = s.readBarrier(ctx) // it was asked to lead and says that it does: the others know
	}
	if err != nil {
		return 0, err
	}
	return leader, nil
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
