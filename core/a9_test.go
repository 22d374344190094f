package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// With 5,000 entries kept below a snapshot's index, a follower that lacks 4,900
// gets them from the log. One that lacks 20,000 is sent one snapshot if no more is
// kept, and none if 25,000 are: the rest is read from the leader's disk.
func TestA9WhatAFollowerLacks(t *testing.T) {
	for _, x := range []struct {
		lacks, kept uint64
		snapshots   int
	}{
		{4900, 5000, 0}, {20_000, 25_000, 0}, {20_000, 5000, 1},
	} {
		t.Run(fmt.Sprintf("%d entries of %d kept", x.lacks, x.kept), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3, func(cfg *core.Config) {
				cfg.SnapshotEntries, cfg.SnapshotBytes, cfg.CatchUpEntries, cfg.Election = 1000, 1<<20, x.kept, 500*time.Millisecond
			})
			leader := c.leader()
			behind := c.other(leader)
			c.network.Isolate(uint64(behind))
			lacks := c.service(behind).Status().LastIndex
			c.writeMany(leader, x.lacks)
			c.eventually("a snapshot", func() bool { return c.service(leader).Status().SnapshotIndex > lacks+x.lacks/2 })
			if x.snapshots > 0 {
				c.eventually("the log to begin after what the follower has", func() bool { return c.service(leader).Status().FirstIndex > lacks+1 })
			}
			c.network.HealAll()
			c.converged()
			sent, taken := c.nodes[behind].log.count("receiving a snapshot"), c.nodes[behind].log.count("snapshot installed")
			if taken != x.snapshots || x.snapshots == 0 && sent > 0 { // one that comes too early is refused, and comes again
				t.Errorf("the follower was sent %d snapshots and has taken %d, want %d", sent, taken, x.snapshots)
			}
		})
	}
}

// writeMany proposes so many entries, many at a time.
func (c *cluster) writeMany(id member.ID, count uint64) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	var next, failed atomic.Uint64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for i := next.Add(1); i <= count; i = next.Add(1) {
				if _, err := c.service(id).Propose(ctx, fmt.Append(nil, i)); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		c.t.Fatalf("%d of %d proposals failed", n, count)
	}
}

// count returns the number of lines of the log with the message.
func (r *recorder) count(message string) int {
	n := 0
	for _, line := range r.all() {
		if strings.Contains(line, message) {
			n++
		}
	}
	return n
}
