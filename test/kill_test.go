//go:build linux

package e2e

import (
	"syscall"
	"testing"
)

// Whatever dies, nothing that was acknowledged is lost: writers on all nodes,
// while each of the nine plugins and then each host is killed with -9.
func TestEveryAcknowledgedWriteSurvivesEveryKill(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(200)
	for _, n := range c.nodes {
		pid := n.host.pid()
		for _, kind := range kinds() {
			n.awaitReplaced(n.signalPlugin(kind, syscall.SIGKILL))
			n.awaitReady()
			load.progress(100)
		}
		if !n.host.running() || n.host.pid() != pid {
			t.Fatalf("%s died of a plugin's death", n.name)
		}
	}
	for _, n := range c.nodes {
		n.kill()
		n.startReady()
		load.progress(100)
	}
	load.stop()
	load.history.check(t, c.agreed())
	c.stop()
}

// All three plugins of a node at once, and then all plugins of a kind in the
// whole cluster at once: no quorum is left for a moment.
func TestKillsThatLeaveNoQuorum(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(100)
	leader := c.leader()
	for _, kind := range kinds() {
		leader.signalPlugin(kind, syscall.SIGKILL)
	}
	leader.awaitReady()
	load.progress(100)
	for _, kind := range kinds() {
		for _, n := range c.nodes {
			n.signalPlugin(kind, syscall.SIGKILL)
		}
		for _, n := range c.nodes {
			n.awaitReady()
		}
		load.progress(100)
	}
	for _, n := range c.nodes {
		n.kill()
	}
	c.start()
	load.progress(100)
	load.stop()
	load.history.check(t, c.agreed())
	c.stop()
}
