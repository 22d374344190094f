package node

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// ErrNoSpace: the storage of this node or of the leader is short of space.
// Propose returns it, and Ports.Rejected gives it if the leader says so. The
// proposal has no effect.
var ErrNoSpace = errors.New("the leader's storage is short of space")

// checkSpace is why no proposals are taken here: this node leads and its storage
// is short of space; nil if proposals are taken.
func (c *Core) checkSpace() error {
	if !c.fitness.Space.Short || !c.leads() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNoSpace, c.fitness.Space.Detail)
}

// leaderSpace counts for how long a follower hears that its leader is short of
// space.
type leaderSpace struct {
	leader uint64
	ticks  uint64
}

func (l *leaderSpace) tick(c *Core) {
	if c.lead == raft.None || c.lead != l.leader || !c.conditions[member.ID(c.lead)].Has(ShortOfSpace) {
		*l = leaderSpace{leader: c.lead}
		return
	}
	l.ticks++
}

// checkLeaderSpace is why a follower passes nothing on: its leader says that it
// is short of space, and has found no member for an election timeout that is
// not. A proposal that was passed on would be dropped there, and its client
// left without an answer.
func (c *Core) checkLeaderSpace() error {
	if l := c.leaderSpace; l.ticks <= uint64(c.cfg.ElectionTicks) || l.leader != c.lead {
		return nil
	}
	return fmt.Errorf("%w: leader %s says so", ErrNoSpace, member.ID(c.leaderSpace.leader))
}
