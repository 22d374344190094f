package node

import (
	"fmt"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// leaderRefuses counts for how many ticks a follower hears of its leader that it takes no
// proposals, for each of the reasons.
type leaderRefuses struct {
	leader             uint64
	short, quarantined uint64
}

func (l *leaderRefuses) tick(c *Core) {
	if c.lead == raft.None || c.lead != l.leader {
		*l = leaderRefuses{leader: c.lead}
		return
	}
	says := c.leaderCondition()
	count(&l.short, says.Has(ShortOfSpace))
	count(&l.quarantined, says.Has(Quarantined))
}

func count(ticks *uint64, says bool) {
	if !says {
		*ticks = 0
		return
	}
	*ticks++
}

// checkLeaderTakes is why a follower passes nothing on: its leader says that it takes no
// proposals, and has found no member for an election timeout that does. A proposal that
// was passed on would come back until its client gives up.
func (c *Core) checkLeaderTakes() error {
	l, election := c.leaderRefuses, uint64(c.cfg.ElectionTicks)
	switch {
	case l.leader != c.lead:
		return nil
	case l.short > election:
		return fmt.Errorf("%w: leader %s says so", ErrNoSpace, member.ID(l.leader))
	case l.quarantined > election:
		return fmt.Errorf("%w: leader %s says so of itself, and no other member takes its place", ErrQuarantined, member.ID(l.leader))
	}
	return nil
}
