package core_test

import (
	"context"
	"flag"
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

var oneAfterTheOther = flag.Int("a2", 10, "how many proposals TestA2ProposalsOneAfterTheOther makes; the statement asks for 1,000")

// A2: at 300 ms of round trip and an election timeout of 5 s a client's proposals, one
// after the other, all succeed, and no other leader is elected. A thousand: -a2 1000.
func TestA2ProposalsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const roundTrip = 300 * time.Millisecond
	c := newCluster(t, 3, func(cfg *core.Config) { cfg.Tick, cfg.Election = 100*time.Millisecond, 5*time.Second })
	c.leader()
	c.network.Delay(roundTrip / 2)
	leader := c.leader()
	term, began := c.service(leader).Status().Term, time.Now()
	for i := range *oneAfterTheOther {
		if _, err := c.service(leader).Propose(context.Background(), fmt.Append(nil, i)); err != nil {
			t.Fatalf("proposal %d: %v", i, err)
		}
	}
	if took := time.Since(began); took < time.Duration(*oneAfterTheOther)*roundTrip {
		t.Errorf("%d proposals took %v: the test shows nothing", *oneAfterTheOther, took)
	}
	for _, m := range c.members {
		if st := c.service(m.ID).Status(); st.Leader != leader || st.Term != term {
			t.Errorf("%s follows %s in term %d, before it was %s in term %d", m.ID, st.Leader, st.Term, leader, term)
		}
	}
}

// A2: what a configuration says of time gives the timeout of its host's requests: five
// seconds and two election timeouts.
func TestA2TheRequestTimeoutFollowsTheConfiguration(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.members = append(c.members, c.member(1))
	for _, x := range []struct{ tick, election, want time.Duration }{
		{0, 0, 7 * time.Second}, // the defaults
		{100 * time.Millisecond, time.Second, 7 * time.Second},
		{500 * time.Millisecond, 5 * time.Second, 15 * time.Second},
		{100 * time.Millisecond, 50 * time.Second, 105 * time.Second},
	} {
		cfg := c.config(fresh(), 1, true)
		cfg.Tick, cfg.Election = x.tick, x.election
		h, err := core.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := core.RequestTimeout(h); got != x.want {
			t.Errorf("tick %v, election %v: %v, want %v", x.tick, x.election, got, x.want)
		}
		stopsSoon(t, h)
	}
}
