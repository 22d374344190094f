package node

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// ProposeChange hands in a membership change at the leader. Fields that an update
// leaves empty stay as they are; a new voter is added as a learner that is to be
// promoted. A change that would cost the quorum is refused; pings say of voters
// whether their addresses are right. The outcome appears in the Apply that carries
// its entry, or in Output.Refused.
func (c *Core) ProposeChange(id RequestID, change member.Change, pings Pings) error {
	return c.step(func() error {
		change, err := c.prepare(change)
		if err == nil {
			change, err = c.asLearner(change)
		}
		if err == nil {
			err = c.checkQuorum(change, pings)
		}
		if err != nil {
			return err
		}
		return c.hand(id, change)
	})
}

// ForceChange is ProposeChange for an operator who knows better: it does not
// ask whether a quorum can be reached, and a new voter is one at once.
func (c *Core) ForceChange(id RequestID, change member.Change) error {
	return c.step(func() error {
		change, err := c.prepare(change)
		if err != nil {
			return err
		}
		return c.hand(id, change)
	})
}

// prepare makes a change whole and refuses one that cannot be judged here and
// now, or that the registry will not take.
//
// A leader judges by its registry, which is that of its last applied entry. Until it has
// applied an entry of its own term, its log may have changes of earlier leaders that the
// registry lacks (reigns). From then on only its own changes can be in between, and it
// proposes one at a time.
func (c *Core) prepare(change member.Change) (member.Change, error) {
	switch {
	case !c.leads():
		if err := c.leaderless(); err != nil {
			return change, err
		}
		return change, ErrNotLeader
	case c.changePending.index != 0 || c.changeUnapplied():
		return change, ErrChangePending
	case !c.reigns() || !c.founded(): // a change would be part of what all founders began with
		return change, ErrTooEarly
	}
	// No other change can come before this one: raft refuses it if one is
	// in the log and not in the registry yet.
	change = c.registry.Complete(change)
	if err := c.registry.Admit(change); err != nil {
		return change, err
	}
	if voters := c.registry.Voters(); change.Op == member.Remove && change.Member.ID == c.cfg.ID && len(voters) == 2 {
		// The one that stays must know that the change is committed, or it
		// could never be elected.
		if err := c.noQuorum(); err != nil {
			return change, c.early(err)
		}
		c.raft.TransferLeader(voters[0] + voters[1] - uint64(c.cfg.ID))
		c.collect()
		return change, ErrHandingOver
	}
	return change, nil
}

// hand gives a change to raft.
func (c *Core) hand(id RequestID, change member.Change) error {
	data, err := encodeChange(id, change)
	if err != nil {
		return err
	}
	if len(data) > c.limits.entry { // no peer would take it
		return fmt.Errorf("change of %d bytes, limit %d: %w", len(data), c.limits.entry, member.ErrInvalid)
	}
	index := c.lastIndex() + 1
	err = c.took(uint64(len(data)), c.raft.Step(&pb.Message{
		Type: pb.MsgProp.Enum(), From: new(uint64(c.cfg.ID)),
		Entries: []*pb.Entry{{Type: pb.EntryConfChange.Enum(), Data: data}},
	}))
	if err == nil {
		c.changePending = changeProposal{index: index, term: c.term, id: id}
		c.lastChange = c.changePending
	}
	c.collect()
	return dropped(err)
}

// changeUnapplied tells whether a change of this leader is not applied yet. Raft
// would put an empty entry in the place of another one.
func (c *Core) changeUnapplied() bool {
	return c.lastChange.term == c.term && c.lastChange.index > c.raft.BasicStatus().Applied
}
