//go:build linux

package e2e

import (
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// Isolation is each node's own affair: in one cluster a node has three plugin
// processes, one has none, and one has one.
func TestMixedIsolation(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	inproc := func(kind string) string { return "plugins." + kind + ".isolation=inproc" }
	c.nodes[1].settings = []string{inproc("transport"), inproc("storage"), inproc("statemachine")}
	c.nodes[2].settings = []string{inproc("transport"), inproc("statemachine")}
	for _, n := range c.nodes {
		n.settings = append(n.settings, snapshotting()...)
	}
	c.start()
	load := startWorkload(t, c.nodes...)
	for i, want := range []int{3, 0, 1} {
		if children := live.ChildrenOf(c.nodes[i].host.PID()); len(children) != want {
			t.Errorf("%s has %d children: %v", c.nodes[i].name, len(children), children)
		}
	}
	for i, n := range c.nodes {
		load.progress(50)
		n.takesOver(c)
		load.progress(50)
		if i == 1 {
			n.kill()
		} else {
			n.stop()
		}
		load.progress(50)
		n.startReady()
	}
	load.stop()
	load.history.Check(t, c.agreed())
	for _, n := range c.nodes {
		if got := len(n.state(client.Stale)); got == 0 {
			t.Errorf("%s has no keys", n.name)
		}
	}
	c.stop()
}
