package core_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// A4: a new cluster of one, two or three members, one of three missing, has a leader
// within 5.1 s at a tick of 10 ms and an election timeout of 5 s, not between one timeout
// and two, also if two members ask for votes in one moment.
func TestA4TheFirstElectionTakesOneTimeout(t *testing.T) {
	const election, promised, clusters = 5 * time.Second, 5100 * time.Millisecond, 3
	for _, x := range []struct{ members, missing int }{{1, 0}, {2, 0}, {3, 0}, {3, 1}} {
		t.Run(fmt.Sprintf("%d members, %d missing", x.members, x.missing), func(t *testing.T) {
			t.Parallel()
			var took []time.Duration
			for range clusters {
				took = append(took, firstElection(t, election, x.members, x.missing))
			}
			if slices.Max(took) > promised {
				t.Errorf("the first leaders were there after %v", took)
			}
		})
	}
}

// firstElection founds a cluster, and returns how long it takes from the start of the
// last member that is there until there is a leader.
func firstElection(t *testing.T, election time.Duration, members, missing int) time.Duration {
	t.Helper()
	c := newCluster(t, 0, func(cfg *core.Config) { cfg.Election = election })
	for i := range members {
		c.members = append(c.members, c.member(member.ID(i+1)))
	}
	var began time.Time
	for _, m := range c.members[:members-missing] {
		c.start(m.ID, true)
		began = time.Now()
	}
	c.leader()
	return time.Since(began)
}

// A follower that starts again is in a hurry too, and disturbs no member: however long
// its leader's messages take, the term and the leader stay.
func TestA4AFollowerThatStartsAgainDisturbsNobody(t *testing.T) {
	t.Parallel()
	const restarts, delay = 20, 150 * time.Millisecond
	c := newCluster(t, 3, func(cfg *core.Config) { cfg.Tick, cfg.Election = 100*time.Millisecond, time.Second })
	c.network.Delay(delay)
	leader := c.leader()
	term := c.service(leader).Status().Term
	load, stop := context.WithCancel(context.Background())
	var writes sync.WaitGroup
	writes.Go(func() {
		for i := 0; load.Err() == nil; i++ {
			if _, err := c.service(leader).Propose(load, fmt.Appendf(nil, "%d", i)); err != nil && load.Err() == nil {
				t.Errorf("write %d: %v", i, err)
				return
			}
		}
	})
	follower := c.other(leader)
	for i := range restarts {
		c.stop(follower)
		c.start(follower, false)
		c.eventually("a follower", func() bool { return c.service(follower).Ready() == nil })
		if st := c.service(follower).Status(); st.Leader != leader || st.Term != term {
			t.Fatalf("restart %d: it follows %s in term %d, before it was %s in term %d", i, st.Leader, st.Term, leader, term)
		}
	}
	stop()
	writes.Wait()
	if st := c.service(leader).Status(); st.Leader != leader || st.Term != term {
		t.Errorf("after it %s leads in term %d, before it was %s in term %d", st.Leader, st.Term, leader, term)
	}
}
