package core_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
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
		c.metrics[member.ID(cfg.ID)] = cfg.Metrics
		if tune != nil {
			tune(cfg)
		}
	}
	c.found(n)
	return c
}

// Writers of a follower whose disk stalls for a moment wait, and all of them are
// answered: those that have gathered are forwarded in messages that the leader
// takes.
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

// impatient proposes with a time of a millisecond, and returns what it ended with.
func (c *cluster) impatient(id member.ID, value []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := c.service(id).Propose(ctx, value)
	var e *server.Error
	if !errors.As(err, &e) {
		c.t.Errorf("a write on a disk that answers nothing ended with %v", err)
		return err
	}
	return e.Err
}

// Clients with a patience of a millisecond, on a disk that answers nothing, offer
// forty times what may wait. Memory is bounded by what may, and what is said not to
// be applied is not.
func TestImpatientClientsDoNotFillTheMemory(t *testing.T) {
	const size, writers, rounds = 256 << 10, 31, 40
	c := measuredCluster(t, 1, func(cfg *core.Config) { cfg.MaxPendingBytes = 8 << 20 })
	leader := c.leader()
	c.propose(leader, "before")
	release := c.nodes[leader].stall()
	defer release()
	c.eventually("raft to have no room", func() bool {
		return errors.Is(c.impatient(leader, []byte("filler")), server.ErrProposalDropped)
	})
	before := heap()
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes, refused := map[error]int{}, map[string]bool{}
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				value := make([]byte, size)
				copy(value, fmt.Sprintf("%d/%d.", w, r))
				err := c.impatient(leader, value)
				mu.Lock()
				outcomes[err]++
				refused[string(value[:16])] = !errors.Is(err, server.ErrTimeout)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d MiB more are in memory; 8 MiB may wait", grown>>20)
	}
	if n := outcomes[server.ErrProposalDropped]; n < writers*rounds/2 {
		t.Errorf("%d of %d were withdrawn, want nearly all: %v", n, writers*rounds, outcomes)
	}
	release()
	c.propose(leader, "after")
	for _, text := range c.converged() {
		if len(text) == size && refused[text[:16]] {
			t.Errorf("%.6q was applied, and its client was told that it was not", text)
		}
	}
	c.eventually("all places to be free", func() bool { return c.gauge(leader, "pontoon_proposals_pending") == 0 })
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A leader that takes no proposals, for want of space say, refuses what is
// forwarded: the client at the other member is told that it was not applied.
func TestAFollowersClientIsToldWhatTheLeaderRefuses(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	c.propose(1, "before")
	for _, n := range c.nodes {
		n.disk.RunShort(full)
	}
	c.eventually("the leader to refuse", func() bool { return errors.Is(c.try(c.leader(), "refused"), server.ErrNoSpace) })
	tries, told := 0, ""
	c.eventually("a follower's client to be told", func() bool {
		tries++
		told = fmt.Sprint("try ", tries)
		return errors.Is(c.try(c.other(c.leader()), told), server.ErrNoSpace)
	})
	if slices.Contains(c.converged(), told) {
		t.Error("it was applied")
	}
}
