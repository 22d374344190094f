//go:build linux

package linearizability

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// slow is the timing of which the bounds of recovery are promised.
var slow = timing{100 * time.Millisecond, time.Second}

const (
	afterADeadLeader = 2500 * time.Millisecond
	duringAStall     = 3 * time.Second
	stallTime        = 10 * time.Second
	shortStallTime   = 4 * time.Second
	writePace        = 50 * time.Millisecond // between the beginnings of two writes
	recoveryTime     = time.Minute           // after which a new write is no more waited for
)

// A leader is killed, again and again: a client of each of the others has a new
// write acknowledged within two and a half election timeouts.
func TestRecoveryFromADeadLeader(t *testing.T) {
	c := startCluster(t, *nodes, slow)
	for round := range *recoveries {
		leader := c.settled()
		began := time.Now()
		leader.kill()
		c.others(leader, func(m *member) {
			ctx, cancel := context.WithTimeout(context.Background(), recoveryTime)
			defer cancel()
			first, more := <-m.writeThrough(ctx)
			if !more {
				t.Errorf("round %d: %s takes no write", round, m.name)
				return
			}
			c.judgePause(fmt.Sprintf("round %d: %s was killed: through %s", round, leader.name, m.name), first.Sub(began), afterADeadLeader)
		})
		leader.start()
	}
}

// No sync of a leader's storage returns for ten seconds: clients of the others are
// without an acknowledged write for three seconds at most.
func TestRecoveryFromAStalledDisk(t *testing.T) {
	c := startCluster(t, *nodes, slow)
	stall := shortStallTime
	if *recoveries > shortRecoveries {
		stall = stallTime
	}
	for round := range *recoveries {
		leader := c.settled()
		began := time.Now()
		must(t, leader.disk.stalled.On())
		ctx, cancel := context.WithDeadline(context.Background(), began.Add(stall))
		c.others(leader, func(m *member) {
			var pause time.Duration
			last := began
			for at := range m.writeThrough(ctx) {
				pause, last = max(pause, at.Sub(last)), at
			}
			pause = max(pause, began.Add(stall).Sub(last))
			c.judgePause(fmt.Sprintf("round %d: the disk of %s stalls: through %s", round, leader.name, m.name), pause, duringAStall)
		})
		cancel()
		must(t, leader.disk.stalled.Off())
	}
}

// judgePause checks the time in which a member acknowledged no write.
func (c *cluster) judgePause(what string, pause, limit time.Duration) {
	c.t.Helper()
	c.t.Logf("%s no write was acknowledged for %v", what, pause.Round(time.Millisecond))
	if pause > limit && !live.RaceDetector {
		c.t.Errorf("%s no write was acknowledged for %v, at most %v are allowed", what, pause, limit)
	}
}

// settled waits until all members serve, and returns the one that leads.
func (c *cluster) settled() (leader *member) {
	c.t.Helper()
	live.Eventually(c.t, "a leader and all members to serve", func() bool {
		for _, m := range c.members {
			if !m.votes() {
				return false
			}
		}
		leader = c.leader()
		return leader != nil
	})
	return leader
}

// others does something with all members but one, at the same time.
func (c *cluster) others(but *member, do func(*member)) {
	var wg sync.WaitGroup
	for _, m := range c.members {
		if m != but {
			wg.Go(func() { do(m) })
		}
	}
	wg.Wait()
}

// writeThrough begins a write through the member in short intervals, until ctx
// ends, and sends when each was acknowledged. A write that waits for its answer
// holds up none that follows. The channel is closed when all have ended.
func (m *member) writeThrough(ctx context.Context) <-chan time.Time {
	acknowledged := make(chan time.Time, int(recoveryTime/writePace))
	go func() {
		defer close(acknowledged)
		var wg sync.WaitGroup
		defer wg.Wait()
		session := newJSONSession(m)
		pace := time.NewTicker(writePace)
		defer pace.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			wg.Go(func() {
				if _, err := session.Propose(ctx, kv.EncodePut([]byte("recovered"), []byte(m.name))); err == nil {
					acknowledged <- time.Now()
				}
			})
		}
	}()
	return acknowledged
}
