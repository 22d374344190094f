//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// No death loses anything that was acknowledged: writers on all nodes, while
// each of the nine plugins and then each host is killed with -9.
func TestEveryAcknowledgedWriteSurvivesEveryKill(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(200)
	for _, n := range c.nodes {
		pid := n.host.PID()
		for _, kind := range kinds() {
			killed := n.signalPlugin(kind, syscall.SIGKILL)
			n.awaitReplaced(killed)
			n.wantForeignKill(killed)
			n.awaitReady()
			load.progress(100)
		}
		if !n.host.Running() || n.host.PID() != pid {
			t.Fatalf("%s died of a plugin's death", n.name)
		}
	}
	for _, n := range c.nodes {
		n.kill()
		n.startReady()
		load.progress(100)
	}
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}

// wantForeignKill checks that the log says of a killed plugin how it ended, and
// that it was not its host.
func (n *node) wantForeignKill(killed *hostv1.PluginStatus) {
	n.t.Helper()
	log := n.host.Log()
	if how := fmt.Sprintf("(pid %d): killed by signal 9, not by this host", killed.GetPid()); !strings.Contains(log, how) {
		n.t.Errorf("the log of %s does not say %q:\n%s", n.name, how, n.host.LastLines(20))
	}
	if strings.Contains(log, "killed by the host") {
		n.t.Errorf("the host claims a kill:\n%s", n.host.LastLines(20))
	}
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
	load.history.Check(t, c.agreed())
	c.stop()
}
