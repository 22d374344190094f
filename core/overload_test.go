package core_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// stall makes the disk of a node answer nothing from now on, until the function
// that it returns is called.
func (n *testNode) stall() (release func()) {
	gate := make(chan struct{})
	n.disk.OnAppend(func([]storage.Batch) error {
		<-gate
		return nil
	})
	return sync.OnceFunc(func() {
		n.disk.OnAppend(nil)
		close(gate)
	})
}

// measuredCluster has members with metrics that the test can read, and timings
// under which a stall of a moment makes no member unfit.
func measuredCluster(t *testing.T, n int, tune func(*core.Config)) *cluster {
	c := newCluster(t, 0, nil)
	c.tune = func(cfg *core.Config) {
		cfg.Election = time.Second
		cfg.Metrics = prometheus.NewRegistry()
		c.metrics[cfg.ID] = cfg.Metrics
		if tune != nil {
			tune(cfg)
		}
	}
	for i := range n {
		c.members = append(c.members, c.member(member.ID(i+1)))
	}
	for _, m := range c.members {
		c.start(m.ID, true)
	}
	return c
}

// Writers of a follower whose disk stalls for a moment wait, and all of them are
// answered: what has gathered is forwarded in messages that the leader takes.
func TestAStalledFollowerForwardsWhatHasGathered(t *testing.T) {
	c := measuredCluster(t, 3, func(cfg *core.Config) { cfg.Limits = plugins.DefaultLimits() }) // messages of 2.6 MiB
	leader := c.leader()
	f := c.other(leader)
	release := c.nodes[f].stall()
	defer release()
	for i := range 4 {
		c.propose(leader, fmt.Sprint("w", i)) // so that the follower has appends in flight
	}
	var wg sync.WaitGroup
	var applied atomic.Int32
	for range 64 {
		wg.Go(func() {
			if _, err := c.service(f).Propose(context.Background(), make([]byte, 64<<10)); err != nil {
				t.Errorf("a write that was forwarded: %v", err)
				return
			}
			applied.Add(1)
		})
	}
	c.eventually("all proposals to wait", func() bool { return c.gauge(f, "pontoon_proposals_pending") == 64 })
	release()
	wg.Wait()
	if n := applied.Load(); n != 64 {
		t.Errorf("%d of 64 were applied", n)
	}
}
