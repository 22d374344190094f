package node

import (
	"fmt"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Transferring is the voter that leadership is being handed to; 0 if none, or if
// this node does not lead. Raft gives a transfer up after an election timeout.
func (c *Core) Transferring() member.ID { return member.ID(c.raft.BasicStatus().LeadTransferee) }

// Transfer hands leadership to a voter; 0 stands for Successor.
func (c *Core) Transfer(to member.ID) error {
	return c.step(func() error {
		st := c.raft.Status()
		if st.RaftState != raft.StateLeader {
			return ErrNotLeader
		}
		if to == 0 {
			if to = c.Successor(); to == 0 {
				return ErrNoSuccessor
			}
		}
		if p, ok := st.Progress[uint64(to)]; !ok || p.IsLearner {
			return fmt.Errorf("%s is no voter: %w", to, member.ErrUnknown)
		}
		if !c.elects(uint64(to)) { // the leader would take no proposals until raft gives up
			return fmt.Errorf("%w: %s", ErrNoSuccessor, c.missing([]uint64{uint64(to)}))
		}
		c.witness.handsOver = c.term
		c.raft.TransferLeader(uint64(to))
		c.out.StateChanged = true
		c.collect()
		return nil
	})
}
