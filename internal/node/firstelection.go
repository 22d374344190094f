package node

import (
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A firstElection makes the first election of a node come early. Raft waits between
// one and two election timeouts, and the first of them is for the messages of a leader
// that is there. A node that has just connected to a majority hears from one within a
// heartbeat. It may ask for votes too early all the same: it asks for pre-votes, which
// those that hear a leader refuse, so no term and no leader changes.
type firstElection struct {
	met   map[member.ID]bool // voters only: a caller may have any name
	ticks int                // so far
	// since is the number of ticks before the members that this node had met became a
	// majority with it; valid if early.
	since int
	early bool
	over  bool
}

// A member that founds its cluster waits foundingGrace heartbeats for the voters that it
// has not met, after it has met a majority: one of them may have begun with another list,
// and says so when it is reached.
const foundingGrace = 2

// Met takes note that a connection with a member has come about. Once the members
// that this node has met are a majority with it, the first election timeout is over,
// but for one heartbeat; the random part of raft's is still to come, so that not all
// campaign at the same time. That is so once in a node's life, and only before it has
// heard of a leader. Before the cluster is founded a majority waits a little for the
// rest, and makes good for it.
func (c *Core) Met(id member.ID) error {
	return c.step(func() error {
		f := &c.firstElection
		f.over = f.over || c.lead != 0
		if f.over || !slices.Contains(c.registry.Voters(), uint64(id)) {
			return nil
		}
		if f.met == nil {
			f.met = map[member.ID]bool{}
		}
		f.met[id] = true
		if !f.early && isMajority(c.registry.Voters(), func(id uint64) bool { return id == uint64(c.cfg.ID) || f.met[member.ID(id)] }) {
			f.since, f.early = f.ticks, true
		}
		f.hurry(c)
		return nil
	})
}

// hurry ends the first election timeout, if it is time.
func (f *firstElection) hurry(c *Core) {
	others := len(c.registry.Voters()) - 1
	waits := !c.founded() && len(f.met) < others && f.ticks < f.since+foundingGrace*c.cfg.HeartbeatTicks
	if f.over || !f.early || waits {
		return
	}
	f.over = true
	for range c.cfg.ElectionTicks - c.cfg.HeartbeatTicks - f.since {
		if c.mayTick() {
			c.raft.Tick()
		}
	}
	c.collect()
}

// tick counts. A node that knows a leader, or whose first timeout is over, has no need
// to hurry.
func (f *firstElection) tick(c *Core) {
	f.ticks++
	f.over = f.over || c.lead != 0 || f.ticks >= c.cfg.ElectionTicks
	f.hurry(c)
}
