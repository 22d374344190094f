package node

import (
	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// freshHeartbeats is how many heartbeats in a row a member may leave
// unanswered before there are doubts that it lives.
const freshHeartbeats = 3

// noteLoss notes that what was sent to a member did not arrive: until it is heard
// again it may be gone, and come back as another build: the level that it said
// holds no longer.
func (c *Core) noteLoss(id member.ID) {
	if _, known := c.hearing.last[id]; known {
		c.hearing.lost[id] = true
	}
	delete(c.levels.announced, id)
	c.noteBatchLoss(id)
	if p := c.watch.peers[id]; p != nil {
		p.lost = c.watch.ticks
	}
}

// InContact tells whether a member answered one of the last heartbeats, and
// nothing that was sent to it is known to be lost since.
func (c *Core) InContact(id member.ID) bool {
	fresh := min(freshHeartbeats*c.cfg.HeartbeatTicks, c.cfg.ElectionTicks)
	at, ok := c.hearing.last[id]
	return ok && !c.hearing.lost[id] && c.hearing.ticks-at <= uint64(fresh)
}

// silentElections is for how many election timeouts a node that asks for no votes
// follows a leader that it does not hear. A voter has asked by then.
const silentElections = 2

// following is the leader that this node knows, and the tick at which it was heard
// last, or became known.
type following struct {
	leader, heard uint64
}

// hear takes the sender of a message.
func (f *following) hear(from, now uint64) {
	if from == f.leader {
		f.heard = now
	}
}

// forgetLeader has a node that does not vote notice that its leader has gone. Raft
// notices when it asks for votes, which a learner never does: it would name a dead
// leader for ever, call itself ready, and pass proposals on to it.
func (c *Core) forgetLeader() {
	f, now := &c.following, c.hearing.ticks
	switch {
	case f.leader != c.lead:
		*f = following{c.lead, now}
	case c.lead == raft.None || c.leads() || c.isVoter(uint64(c.cfg.ID)):
	case now-f.heard > silentElections*uint64(c.cfg.ElectionTicks):
		_ = c.raft.ForgetLeader() // which a follower does at once
	}
}
