package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// HandOver gives leadership to a member that is there to take it, and returns
// who leads. One that does not take it within an election timeout, or half of
// the time that ctx leaves, or falls silent meanwhile, is followed by the next:
// while a transfer is under way the leader takes no proposals.
func (s *Server) HandOver(ctx context.Context) (NodeID, error) {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	var tried []NodeID
	for {
		to, err := s.transferToNext(ctx, tried)
		if leader := s.leader(); err != nil && len(tried) > 0 && leader != 0 && leader != s.cfg.ID {
			return leader, nil // the one before took over after all
		}
		switch {
		case errors.Is(err, node.ErrNoSuccessor) && len(tried) > 0:
			return 0, s.hint(&Error{Err: ErrTimeout, Detail: fmt.Sprintf("leadership was not taken over by any of %v", tried)})
		case err != nil:
			return 0, s.changeError(err)
		}
		leader, err := s.taken(ctx, to)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrStopped) {
			return leader, err
		}
		s.logger.Warn("leadership was not taken over, trying the next member", "by", to, "error", err)
		tried = append(tried, to)
	}
}

// transferToNext begins to hand over to the next member that none of tried is.
func (s *Server) transferToNext(ctx context.Context, tried []NodeID) (NodeID, error) {
	n, err := s.currentNode()
	if err != nil {
		return 0, err
	}
	type begun struct {
		to  NodeID
		err error
	}
	outcome := make(chan begun, 1)
	n.Do(func(c *node.Core) error {
		to := c.Successor(tried...)
		err := node.ErrNoSuccessor
		if to != 0 || len(tried) == 0 { // 0 says why there is no such member
			err = c.Transfer(to)
		}
		outcome <- begun{to, err}
		return err
	})
	select {
	case b := <-outcome:
		return b.to, b.err
	case <-ctx.Done():
		return 0, &Error{Err: ErrTimeout}
	}
}

// taken waits until another member leads, as long as the given member may be
// about to.
func (s *Server) taken(ctx context.Context, to NodeID) (NodeID, error) {
	limit := s.cfg.Election
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	go s.whileInContact(ctx, cancel, to)
	return s.waitOtherLeader(ctx, 0)
}

// whileInContact calls silent when a member has fallen silent.
func (s *Server) whileInContact(ctx context.Context, silent context.CancelFunc, id NodeID) {
	for !pause.Until(ctx.Done(), s.cfg.Tick) {
		if n, _ := s.attached(); n != nil {
			n.Do(func(c *node.Core) error {
				if !c.InContact(id) {
					silent()
				}
				return nil
			})
		}
	}
}
