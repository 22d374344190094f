package core

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/internal/owntime"
)

// A clock hands out a tick for raft for each span of a tick that passes. A time.Ticker
// drops ticks for which the raft goroutine is late, and elections take longer then than
// the configuration says.
//
// Time in which this process did not run holds one tick, and the raft goroutine is
// owed half an election timeout at most. After a longer pause there are words of peers
// that it has not read, so that it cannot say that they were silent.
type clock struct {
	tick  time.Duration
	most  time.Duration // what is owed at most
	ticks chan time.Time
}

func newClock(tick, election time.Duration) *clock {
	return &clock{tick: tick, most: max(tick, election/2), ticks: make(chan time.Time)}
}

// run hands out ticks until ctx ends.
func (c *clock) run(ctx context.Context) {
	ticker := time.NewTicker(c.tick)
	defer ticker.Stop()
	watch := owntime.Begin(c.tick)
	var owed time.Duration // negative if the last tick came early
	for {
		ticks := c.ticks
		if owed <= c.tick/2 { // timers are not exact: rather a little early than a tick late
			ticks = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			counts, _ := watch.Pass()
			owed = min(owed+counts, c.most)
		case ticks <- time.Now():
			owed -= c.tick
		}
	}
}
