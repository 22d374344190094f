//go:build linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// startCounters starts a cluster whose state machine is the third party's
// plugin, by path and sha256.
func startCounters(t testing.TB, settings ...string) *cluster {
	t.Helper()
	path := counterProgram(t)
	c := newCluster(t)
	for _, n := range c.nodes {
		n.external(path, sumOf(t, path))
		n.settings = settings
	}
	c.start()
	return c
}

// An adder adds 1 to the counter again and again, through all nodes.
type adder struct {
	t                     testing.TB
	acked, unknown, total atomic.Int64
	stopped               atomic.Bool
	wg                    sync.WaitGroup
}

func startAdder(t testing.TB, nodes []*node) *adder {
	a := &adder{t: t}
	for _, n := range nodes {
		c := n.dial()
		for range 2 {
			a.wg.Go(func() { a.add(c) })
		}
	}
	t.Cleanup(a.stop)
	return a
}

func (a *adder) add(c *client.Client) {
	for last := int64(0); !a.stopped.Load(); {
		a.total.Add(1)
		r, err := c.Propose(context.Background(), []byte("1"))
		switch {
		case client.IsNotApplied(err):
			continue
		case err != nil:
			a.unknown.Add(1)
			continue
		}
		a.acked.Add(1)
		if r.Lost {
			continue
		}
		value, parseErr := strconv.ParseInt(string(r.Data), 10, 64)
		if parseErr != nil || r.Error != "" || value <= last {
			a.t.Errorf("add: result %q, %q, after %d", r.Data, r.Error, last)
		}
		last = value
	}
}

func (a *adder) stop() {
	a.stopped.Store(true)
	a.wg.Wait()
}

func (a *adder) progress(n int64) {
	a.t.Helper()
	goal := a.acked.Load() + n
	eventually(a.t, "more acknowledged additions", func() bool { return a.acked.Load() >= goal })
}

// value reads the counter of one node.
func (n *node) value(level client.Consistency) int64 {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	answer, err := c.Query(context.Background(), []byte("value"), level)
	if err != nil {
		n.t.Fatalf("value of %s: %v", n.name, err)
	}
	value, err := strconv.ParseInt(string(answer.Data), 10, 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return value
}

// check stops the adder and compares it with every node: each acknowledged
// addition took place once, and nothing else but those of unknown outcome.
func (a *adder) check(c *cluster) {
	a.t.Helper()
	value := a.agreed(c)
	if acked, unknown := a.acked.Load(), a.unknown.Load(); value < acked || value > acked+unknown {
		a.t.Errorf("the counter is %d after %d acknowledged additions and %d unknown", value, acked, unknown)
	}
}

// agreed stops the adder and returns the value of the counter, which is the same at every
// node.
func (a *adder) agreed(c *cluster) int64 {
	a.t.Helper()
	a.stop()
	want := c.nodes[0].value(client.Linearizable)
	for _, n := range c.nodes {
		for _, level := range []client.Consistency{client.Linearizable, client.Stale} {
			if got := n.value(level); got != want {
				a.t.Errorf("the counter of %s is %d, want %d", n.name, got, want)
			}
		}
	}
	a.t.Logf("the counter is %d; %d additions acknowledged, %d unknown", want, a.acked.Load(), a.unknown.Load())
	return want
}

// A third party's state machine keeps its state on disk, and through the death
// of its process, of its host, and the loss of its files.
func TestA6ThirdPartyStateMachine(t *testing.T) {
	t.Parallel()
	c := startCounters(t, "raft.snapshot_entries=200", "raft.catch_up_entries=20")
	load := startAdder(t, c.nodes)
	for _, n := range c.nodes {
		if p := n.plugin("statemachine"); p.GetName() != "counter" || p.GetVersion() != "1.0.0" {
			t.Errorf("state machine of %s: %v", n.name, p)
		}
		if children := live.ChildrenOf(n.host.PID()); len(children) != 3 {
			t.Errorf("%s has the children %v", n.name, children)
		}
	}
	for _, n := range c.nodes {
		load.progress(100)
		n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
		n.awaitReady()
		load.progress(100)
		n.kill()
		n.startReady()
	}
	n := c.follower()
	n.stop()
	if err := os.RemoveAll(filepath.Join(n.data, "statemachine")); err != nil {
		t.Fatal(err)
	}
	load.progress(100)
	n.startReady()
	if _, err := os.Stat(filepath.Join(n.data, "statemachine", "counter")); err != nil {
		t.Error(err)
	}
	load.check(c)
	c.stop()
}

// An orderly stop leaves all that the counter has applied on its disk: the next start replays
// nothing of that. After kill -9 of its process it has what it called durable, and gets the rest
// again.
func TestTheCounterIsDurableAfterAStop(t *testing.T) {
	t.Parallel()
	c := startCounters(t, "raft.snapshot_entries=100000")
	load := startAdder(t, c.nodes)
	load.progress(100)
	load.stop()
	n := c.follower()
	before, ok := n.status()
	if !ok {
		t.Fatal("no status")
	}
	n.stop()
	n.startReady()
	durable := func() uint64 {
		st, ok := n.status()
		if !ok || st.Durable == nil {
			t.Fatalf("status %v", st)
		}
		return st.GetDurable()
	}
	was := durable()
	if was < before.GetApplied() {
		t.Errorf("%d of %d is durable after a stop", was, before.GetApplied())
	}
	load = startAdder(t, c.nodes)
	load.progress(100)
	n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
	n.awaitReady()
	if now := durable(); now < was {
		t.Errorf("after a kill %d is durable, before it %d was", now, was)
	}
	load.agreed(c)
	c.stop()
}
