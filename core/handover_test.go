package core_test

import (
	"context"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
)

// A leader that stops hands over to a member that lives, although one that died
// a moment ago comes first in the order: there is one election and no other, and
// writes go on.
func TestA8AStoppingLeaderHandsOverToALivingMember(t *testing.T) {
	c := newCluster(t, 5, func(cfg *core.Config) { cfg.Election = 500 * time.Millisecond }) // a busy machine holds none of its own
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c.eventually("member 1 to lead", func() bool {
		leader := c.leader()
		if leader != 1 {
			_, _ = c.service(leader).TransferLeader(ctx, 1)
		}
		return leader == 1
	})
	c.propose(1, "before")
	term := c.service(1).Status().Term
	c.network.Isolate(2)
	c.stop(1)
	c.says(1, "leadership handed over")
	leader := c.leader(3, 4, 5)
	c.propose(leader, "after")
	if st := c.service(leader).Status(); st.Term != term+1 {
		t.Errorf("term went from %d to %d: there was more than one election", term, st.Term)
	}
}
