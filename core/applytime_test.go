package core_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// The clock of each leader in turn is stepped an hour ahead and back, members restart with a
// replay or a restore in between. All state machines are given the same time with an entry, it
// never goes back, and it stays near what the clocks of the two others show.
func TestEntriesHaveTheSameTimeOnAllMembers(t *testing.T) {
	const hour = int64(time.Hour / time.Millisecond)
	var ahead [4]atomic.Int64 // of the true time, by member
	c := newCluster(t, 3, func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.CatchUpEntries = 30, 1
		clock := &ahead[cfg.ID]
		core.SetClock(cfg, func() uint64 { return uint64(time.Now().UnixMilli() + clock.Load()) })
	})
	c.leader()
	c.atLevel(member.Level)
	bound := defaults.ClockDifference + time.Minute // of slow machines
	began := time.Now().Add(-bound).UnixMilli()
	written := 0
	for _, step := range []int64{hour, -hour, 0, hour, -hour, 0} {
		leader := c.leader()
		ahead[leader].Store(step)
		for range 20 {
			c.propose(member.ID(written%3+1), fmt.Sprintf("w%d", written))
			written++
		}
		if step == 0 {
			c.stop(leader) // it replays, or restores, and another one leads
			c.start(leader, true)
			ahead[leader].Store(0)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, _ = c.service(leader).TransferLeader(ctx, c.other(leader)) // no matter if another one leads already
		cancel()
		ahead[leader].Store(0)
	}
	c.propose(c.leader(), "last")
	c.converged()
	sameTimes(t, c, uint64(began), uint64(time.Now().Add(bound).UnixMilli()))
}

// sameTimes compares the times that all state machines of all members were given.
func sameTimes(t *testing.T, c *cluster, least, most uint64) {
	t.Helper()
	times := map[uint64]uint64{}
	compared := 0
	for id, n := range c.nodes {
		n.mu.Lock()
		for _, m := range n.machines {
			last := uint64(0)
			for _, e := range m.Entries() {
				if e.Term == 0 { // it is from a snapshot, which does not say
					continue
				}
				old, known := times[e.Index]
				switch {
				case known && old != e.Time:
					t.Errorf("member %s has time %d at %d, another has %d", id, e.Time, e.Index, old)
				case e.Time < last:
					t.Errorf("member %s: time %d at %d after %d", id, e.Time, e.Index, last)
				case e.Time != 0 && (e.Time < least || e.Time > most):
					t.Errorf("member %s: time %d at %d, it was from %d to %d", id, e.Time, e.Index, least, most)
				}
				if known {
					compared++
				}
				times[e.Index], last = e.Time, e.Time
			}
		}
		n.mu.Unlock()
	}
	if compared < 100 {
		t.Errorf("%d times were compared, want more", compared)
	}
}
