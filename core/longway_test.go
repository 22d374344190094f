package core_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// Members a long way from each other, with the default timings: none of a thousand
// proposals fails, no read does, and no other leader is elected.
func TestA2ALongRoundTrip(t *testing.T) {
	const roundTrip, writers, writes, readers, reads = 300 * time.Millisecond, 60, 17, 6, 3
	c := newCluster(t, 3, func(cfg *core.Config) { cfg.Tick, cfg.Election = 100*time.Millisecond, time.Second })
	c.leader()
	c.network.Delay(roundTrip / 2)
	leader := c.leader()
	term := c.service(leader).Status().Term
	var all sync.WaitGroup
	for w := range writers {
		service := c.service(c.members[w%len(c.members)].ID)
		all.Go(func() {
			for i := range writes {
				if _, err := service.Propose(context.Background(), fmt.Appendf(nil, "%d.%d", w, i)); err != nil {
					t.Errorf("proposal %d of writer %d: %v", i, w, err)
				}
			}
		})
	}
	for r := range readers {
		service := c.service(c.members[r%len(c.members)].ID)
		all.Go(func() {
			for i := range reads {
				if _, err := service.Query(context.Background(), []byte("count"), server.Linearizable); err != nil {
					t.Errorf("read %d of reader %d: %v", i, r, err)
				}
			}
		})
	}
	all.Wait()
	for _, m := range c.members {
		if st := c.service(m.ID).Status(); st.Leader != leader || st.Term != term {
			t.Errorf("%s follows %s in term %d, before it was %s in term %d", m.ID, st.Leader, st.Term, leader, term)
		}
	}
}
