//go:build linux

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// failoverTime is how long writes may pause when the leader's machine, disk or a
// plugin of it fails, at default timings. It is a promise, and so this is one of
// the few tests that measure time.
const failoverTime = 3 * time.Second

// A stream begins a write each writeEvery.
const writeEvery = 20 * time.Millisecond

// A stream writes through one client at a steady rate, whatever became of the
// writes before, and measures for how long none was acknowledged.
type stream struct {
	name string
	// begun counts the writes, acked those of them that were acknowledged and are not
	// older than the one with the number from.
	begun, from, acked atomic.Int64
	pauses
}

// startStream begins to write; the writes end with the test.
func startStream(t *testing.T, name string, c *client.Client) *stream {
	s := &stream{name: name}
	ctx, cancel := context.WithCancel(context.Background())
	var writes sync.WaitGroup
	writes.Go(func() {
		ticker := time.NewTicker(writeEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			i := s.begun.Add(1)
			writes.Go(func() {
				if _, err := c.Propose(ctx, kv.EncodePut(fmt.Appendf(nil, "%s/%d", name, i), []byte("x"))); err == nil {
					s.acknowledged()
					if i > s.from.Load() {
						s.acked.Add(1)
					}
				}
			})
		}
	})
	t.Cleanup(func() { cancel(); writes.Wait() })
	return s
}

// progress waits until so many writes of each stream were acknowledged that are begun from
// now on: those that have waited in a pause do not count.
func progress(t *testing.T, n int64, streams ...*stream) {
	t.Helper()
	for _, s := range streams {
		s.from.Store(s.begun.Load())
		s.acked.Store(0)
	}
	for _, s := range streams {
		eventually(t, fmt.Sprintf("%d more writes of %s", n, s.name), func() bool { return s.acked.Load() >= n })
	}
}

// Writes go on within three seconds of a failure of the leader's state machine,
// disk, transport, host or machine: through every other member, and for a
// client that knows all of them.
func TestWritesGoOnWithinThreeSeconds(t *testing.T) {
	c := startCluster(t)
	streams := []*stream{startStream(t, "all", dialAll(t, c))}
	for _, n := range c.nodes {
		streams = append(streams, startStream(t, n.name, n.dial()))
	}
	for _, x := range []struct {
		name string
		// fail makes the leader fail; it returns what ends that.
		fail func(t *testing.T, leader *node) (heal func())
		// replaced is the kind of a plugin whose next life ends the failure, if
		// leadership does not go elsewhere before.
		replaced string
	}{
		{"state machine hangs", suspendPlugin("statemachine"), "statemachine"},
		{"state machine is killed over and over", killPluginAgainAndAgain("statemachine"), ""},
		{"disk hangs", suspendPlugin("storage"), "storage"},
		{"storage is killed over and over", killPluginAgainAndAgain("storage"), ""},
		{"transport hangs", suspendPlugin("transport"), "transport"},
		{"machine stands still", suspendHost, ""},
		{"host is killed", func(_ *testing.T, leader *node) func() { leader.kill(); return leader.start }, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			leader := c.leader()
			elsewhere := c.others(leader)[0]
			var through []*stream // but not through the leader alone
			for _, s := range streams {
				if s.name != leader.name {
					through = append(through, s)
				}
			}
			progress(t, 50, through...)
			for _, s := range through {
				s.take()
			}
			restarts := leader.plugin(x.replaced).GetRestarts()
			heal := x.fail(t, leader)
			eventually(t, "the failure to be over for others", func() bool {
				st, ok := elsewhere.status()
				return ok && st.GetLeader() != "" && st.GetLeader() != leader.id() ||
					x.replaced != "" && leader.plugin(x.replaced).GetRestarts() > restarts
			})
			// A second pause is looked for as long as one may last.
			progress(t, int64(failoverTime/writeEvery), through...)
			for _, s := range through {
				paused := s.take()
				t.Logf("no write through %s was acknowledged for %v", s.name, paused)
				if paused > failoverTime && !live.RaceDetector { // which makes processes several times slower
					t.Errorf("writes through %s paused for %v, promised are %v", s.name, paused, failoverTime)
				}
			}
			heal()
			leader.awaitReady()
		})
	}
	c.stop()
}

// dialAll makes a client as clients are by default: it knows all members and
// looks for the leader.
func dialAll(t *testing.T, c *cluster) *client.Client {
	t.Helper()
	var endpoints []string
	for _, n := range c.nodes {
		endpoints = append(endpoints, n.client)
	}
	all, err := client.New(client.Options{Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { all.Close() })
	return all
}

// suspendPlugin stops a plugin of the leader, which its host finds out by itself.
func suspendPlugin(kind string) func(*testing.T, *node) func() {
	return func(_ *testing.T, leader *node) func() {
		leader.signalPlugin(kind, syscall.SIGSTOP)
		return func() {}
	}
}

// killPluginAgainAndAgain kills every life of a plugin, until that is ended.
func killPluginAgainAndAgain(kind string) func(*testing.T, *node) func() {
	return func(t *testing.T, leader *node) func() {
		ctx, cancel := context.WithCancel(context.Background())
		var killer sync.WaitGroup
		killer.Go(func() {
			for last := int32(0); ctx.Err() == nil; {
				if pid := leader.plugin(kind).GetPid(); pid > 0 && pid != last {
					_ = syscall.Kill(int(pid), syscall.SIGKILL) // it may have ended by itself
					last = pid
				}
			}
		})
		heal := func() { cancel(); killer.Wait() }
		t.Cleanup(heal)
		return heal
	}
}

// suspendHost stops the host and its plugins, as a machine that stands still.
func suspendHost(t *testing.T, leader *node) func() {
	all := live.SessionOf(leader.host.PID())
	signal := func(sig syscall.Signal) {
		for _, p := range all {
			_ = syscall.Kill(p.PID, sig) // it may have ended
		}
	}
	signal(syscall.SIGSTOP)
	heal := func() { signal(syscall.SIGCONT) }
	t.Cleanup(heal)
	return heal
}
