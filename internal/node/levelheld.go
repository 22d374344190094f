package node

import "github.com/pontoon-raft/pontoon/internal/member"

// LevelHeld says that a member understands the level after the cluster's and others
// keep the cluster from it. It is empty otherwise.
type LevelHeld struct {
	// By are the members that understand less, or were not heard for an election
	// timeout, in the order of their ids.
	By []member.ID
	// Ticks is the time for which this leader has seen that.
	Ticks uint64
}

// ready tells whether this node leads and all members understand the next level. It
// is asked once a tick, and notes the members that hold the level back, and since when.
func (l *levels) ready(c *Core, next uint64) bool {
	if !c.leads() {
		l.held = LevelHeld{}
		return false
	}
	var by []member.ID
	members := c.registry.Members()
	for _, m := range members {
		if !c.understandsLevel(m.ID, next) {
			by = append(by, m.ID)
		}
	}
	if len(by) == 0 || len(by) == len(members) {
		l.held = LevelHeld{}
		return len(by) == 0 && c.cfg.Level >= next // a leader that was removed is not a member
	}
	l.held = LevelHeld{By: by, Ticks: l.held.Ticks + 1}
	return false
}

// understandsLevel tells whether a member is known to understand a level. Another
// member must have said it within an election timeout: it may be another build by now.
func (c *Core) understandsLevel(id member.ID, level uint64) bool {
	if id == c.cfg.ID {
		return c.cfg.Level >= level
	}
	announced, ok := c.levelOf(id)
	return ok && announced >= level
}
