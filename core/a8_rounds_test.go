package core_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The log is cleaned after each entry, and a stop comes at any moment of that: the
// next host takes the data at once, fifty times, and nothing is missing.
func TestA8FiftyRoundsWithTheCleanerAtItsMostAggressive(t *testing.T) {
	const rounds, each = 50, 5
	c := newCluster(t, 1, func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.SnapshotBytes, cfg.CatchUpEntries, cfg.CatchUpBytes = 1, 1<<20, 1, 1
	})
	for i := range rounds {
		c.leader()
		for k := range each {
			c.propose(1, fmt.Sprintf("%d.%d", i, k))
		}
		c.stop(1)
		c.opensAtOnce(1)
	}
	c.leader()
	c.query(1, "count")
	if got := c.converged(); len(got) != rounds*each {
		t.Errorf("state has %d entries, want %d", len(got), rounds*each)
	}
	if first := c.service(1).Status().FirstIndex; first < rounds*each/2 {
		t.Errorf("the log begins at %d: it was not cleaned, and the test shows nothing", first)
	}
}

// The disk takes what was acknowledged and refuses the last write of the stop: the
// lock goes all the same, the next host takes the data at once, and nothing is
// missing, in fifty rounds.
func TestA8TheLastWriteOfAStopFails(t *testing.T) {
	const rounds = 50
	c := newCluster(t, 1, nil)
	var refused atomic.Int64
	for i := range rounds {
		c.leader()
		c.propose(1, fmt.Sprint(i))
		c.nodes[1].disk.OnAppend(func([]storage.Batch) error { refused.Add(1); return errDisk })
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		_ = c.nodes[1].host.Stop(ctx) // may tell of the disk
		cancel()
		c.nodes[1].disk.OnAppend(nil)
		c.opensAtOnce(1)
	}
	c.leader()
	c.query(1, "count")
	if refused.Load() == 0 {
		t.Error("no stop has written anything: the test shows nothing")
	}
	if got := c.converged(); len(got) != rounds {
		t.Errorf("state has %d entries, want %d", len(got), rounds)
	}
}
