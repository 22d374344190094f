//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// level is the feature level of the cluster as a node sees it, and the one that its
// build understands.
func (n *node) level() (cluster, understood uint64) {
	st, _ := n.status()
	return st.GetLevel(), st.GetLevelUnderstood()
}

// awaitLevel waits until all nodes are at a level.
func (c *cluster) awaitLevel(level uint64) {
	c.t.Helper()
	for _, n := range c.nodes {
		n.await(fmt.Sprintf("to be at level %d", level), func() bool {
			got, _ := n.level()
			return got == level
		})
	}
}

// becomes stops a node and starts it with another build.
func (n *node) becomes(program live.Program) {
	n.t.Helper()
	n.stop()
	n.program = program
	n.startReady()
}

// takesOver makes a node the leader. One that its machine holds up for a moment gives
// leadership away again, or is not given it.
func (n *node) takesOver(c *cluster) {
	n.t.Helper()
	n.await("to lead", func() bool {
		return hostCommand(n.t, "leader", "transfer", n.id(), "--endpoints", c.endpoints()).Run() == nil && c.leader() == n
	})
}

// exchange starts a node with another build. Meanwhile the leader gives up what the node
// lacks, and so sends it a snapshot.
func (c *cluster) exchange(n *node, program live.Program, leader *node) {
	c.t.Helper()
	leader.takesOver(c)
	n.stop()
	leader.awaitSnapshots(3)
	n.program = program
	n.startReady()
	n.await("to install a snapshot", func() bool { return strings.Contains(n.host.Log(), `"snapshot installed"`) })
	leader.await("to have sent it", func() bool {
		return strings.Contains(leader.host.Log(), `"snapshot sent","event":"snapshot","to":"`+n.id()+`"`)
	})
}

// endsAsOlder checks that the host of a node ends with the sentence of a build that is
// older than the cluster.
func (n *node) endsAsOlder(understood uint64) {
	n.t.Helper()
	if code := n.host.ExitsWithin(n.t, patience); code != exitOlder {
		n.t.Errorf("the older build ended with exit code %d, want %d", code, exitOlder)
	}
	want := fmt.Sprintf("the cluster is at feature level %d, and this build understands %d", understood+1, understood)
	if !strings.Contains(n.host.LastLines(20), want) {
		n.t.Errorf("the older build does not say %q:\n%s", want, n.host.LastLines(20))
	}
	n.leftNothing()
}

// Two executables of different levels in one cluster, mixed both ways under writes:
// members get the newer build one after the other, and one of them the older one back
// while that lasts. Each build leads the other, and sends it a snapshot. The level rises
// when the last member has the newer build. From then on the older one is refused, as a
// member that was there and as a new one, with a sentence; each of them goes on with the
// newer build. Nothing acknowledged is lost.
func TestTwoBuildsInOneCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, snapshotting()...)
	_, level := c.nodes[0].level()
	c.awaitLevel(level)
	load := startWorkload(t, c.nodes...)
	for _, step := range []struct {
		node    *node
		program live.Program
		from    *node // leads meanwhile
	}{
		{c.nodes[0], programs.ahead, c.nodes[1]}, // the older build sends the newer one a snapshot
		{c.nodes[1], programs.ahead, c.nodes[2]},
		{c.nodes[0], programs.host, c.nodes[1]}, // the newer one sends the older one a snapshot
		{c.nodes[2], programs.ahead, c.nodes[0]},
	} {
		c.exchange(step.node, step.program, step.from)
		for _, leader := range c.nodes {
			leader.takesOver(c)
			load.progress(30)
		}
		for _, n := range c.nodes {
			older := n.program.Path(t) == programs.host.Path(t)
			if got, understood := n.level(); got != level || understood == level != older {
				t.Fatalf("%s is at level %d and understands %d, while a member understands %d; its build is the older one: %t",
					n.name, got, understood, level, older)
			}
		}
	}
	c.nodes[0].becomes(programs.ahead)
	c.awaitLevel(level + 1)
	load.progress(30)

	c.nodes[1].stop()
	c.nodes[1].program = programs.host
	c.nodes[1].start()
	c.nodes[1].endsAsOlder(level)
	load.progress(30)
	c.nodes[1].program = programs.ahead
	c.nodes[1].startReady()

	n4 := c.fourth()
	c.add("--id", "4", "--name", "n4", "--peer-url", "http://"+n4.peer, "--client-address", n4.client)
	n4.start()
	n4.endsAsOlder(level)
	load.progress(30)
	n4.program = programs.ahead
	n4.startReady()
	n4.await("to be a voter", func() bool {
		st, ok := n4.status()
		return ok && st.GetRole() == "follower"
	})
	c.nodes = append(c.nodes, n4)
	c.awaitLevel(level + 1)
	load.progress(30)
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}
