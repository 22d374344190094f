package node

import "github.com/pontoon-raft/pontoon/internal/member"

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
