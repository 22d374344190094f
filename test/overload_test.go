//go:build linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

var overload = flag.Duration("overload", 2*time.Second, "for how long TestOverloadThroughAFollower offers too much")

const (
	// overloadWriters write at the same time through one follower: what they
	// have in flight is more than a host admits.
	overloadWriters = 800
	// overloadMemory is how much a host may use.
	overloadMemory = 256 << 20
)

// Clients offer a follower far more than the cluster gets done, with values of
// 100 B to 1 MiB and a patience of 1 ms to 5 s. Every request is answered, what is
// said not to be applied may be tried again, no host needs more memory than it
// should, and when it is over all is as before.
//
// Each host admits 8 MiB. make overload does so for a minute.
func TestOverloadThroughAFollower(t *testing.T) {
	c := startCluster(t, "raft.snapshot_log_bytes=16MiB", "raft.catch_up_bytes=32MiB", "api.max_pending_bytes=8MiB")
	follower := c.follower()
	var measured []*memoryUse
	for _, n := range c.nodes {
		measured = append(measured, n.watchMemory()...)
	}
	tally := offer(t, follower, *overload)
	t.Logf("in %v: %s", *overload, tally)
	if tally.applied.Load() == 0 {
		t.Error("nothing was applied")
	}
	for _, n := range c.nodes {
		n.await("to have no request left", func() bool {
			_, body, err := n.get(n.admin, "/metrics")
			return err == nil && strings.Contains(body, "\npontoon_proposals_pending 0\n")
		})
	}
	for _, m := range measured {
		peak := m.now("VmHWM")
		t.Logf("the %s used %d MiB at most", m.what, peak>>20)
		if peak > overloadMemory && !raceDetector {
			t.Errorf("the %s used %d MiB", m.what, peak>>20)
		}
	}
	w := startWorkload(t, c.nodes...)
	w.progress(200)
	w.stop()
	c.stop()
}

// overloadTally counts what requests ended with.
type overloadTally struct{ offered, applied, notApplied, unknown atomic.Int64 }

func (o *overloadTally) String() string {
	return fmt.Sprintf("%d offered, %d applied, %d not applied, %d unknown",
		o.offered.Load(), o.applied.Load(), o.notApplied.Load(), o.unknown.Load())
}

// offer writes through a node for some time and waits for every answer.
func offer(t *testing.T, n *node, during time.Duration) *overloadTally {
	t.Helper()
	tally, over := &overloadTally{}, time.After(during)
	var stopped atomic.Bool
	var wg sync.WaitGroup
	for w := range overloadWriters {
		if w%100 == 0 {
			n := n.dial()
			for i := range 100 {
				wg.Go(func() {
					random := rand.New(rand.NewSource(int64(w + i)))
					for !stopped.Load() {
						tally.write(n, random)
					}
				})
			}
		}
	}
	<-over
	stopped.Store(true)
	wg.Wait()
	return tally
}

// write proposes one value; sizes and times are spread over all magnitudes.
func (o *overloadTally) write(c *client.Client, random *rand.Rand) {
	spread := func(from, to float64) float64 { return from * math.Pow(to/from, random.Float64()) }
	value := make([]byte, int(spread(100, 1<<20)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(spread(float64(time.Millisecond), float64(5*time.Second))))
	defer cancel()
	o.offered.Add(1)
	_, err := c.Propose(ctx, kv.EncodePut(fmt.Append(nil, random.Intn(10)), value))
	switch {
	case err == nil:
		o.applied.Add(1)
	case client.IsNotApplied(err):
		o.notApplied.Add(1)
	default:
		o.unknown.Add(1)
	}
}
