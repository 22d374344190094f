//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// Members come and go while the others write: one is added on the command
// line, catches up as a learner, becomes a voter, leads, and is removed.
func TestMemberIsAddedAndRemoved(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(50)
	n4 := c.fourth()
	c.add("--id", "4", "--name", "n4", "--peer-url", "http://"+n4.peer, "--client-address", n4.client)
	n4.startReady()
	c.nodes = append(c.nodes, n4)
	n4.await("to be a member", func() bool {
		st, ok := n4.status()
		leader, _ := c.nodes[0].status()
		return ok && st.GetApplied() > 0 && st.GetApplied() >= leader.GetSnapshotIndex()
	})
	n4.await("to be a voter", func() bool {
		st, ok := n4.status()
		return ok && st.GetRole() == "follower"
	})
	c.command("leader", "transfer", "4")
	load.progress(50)
	compareStates(t, "n4", n4.quiet(load), c.nodes[0].state(client.Linearizable))
	c.command("member", "remove", "4")
	c.nodes = c.nodes[:3]
	if code := n4.host.ExitsWithin(t, patience); code != exitNotMember {
		t.Errorf("the removed host ended with exit code %d", code)
	}
	if log := n4.host.Log(); !strings.Contains(log, "this member was removed from the cluster") {
		t.Errorf("the removed host does not say so:\n%s", n4.host.LastLines(10))
	}
	n4.leftNothing()
	load.history.Check(t, c.agreed())
	c.stop()
}

// add adds a member, which is told to people as a learner.
func (c *cluster) add(args ...string) {
	c.t.Helper()
	cmd := hostCommand(c.t, append([]string{"member", "add", "--endpoints", c.endpoints()}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if said := stderr.String(); err != nil || said != "member 4 is added as a learner; it becomes a voter when it has caught up\n" {
		c.t.Fatalf("member add: %v: %s", err, said)
	}
}

// quiet stops the load and reads the node's state.
func (n *node) quiet(load *workload) []kv.Entry {
	load.stop()
	return n.state(client.Linearizable)
}

// fourth makes a node that joins the cluster.
func (c *cluster) fourth() *node {
	c.t.Helper()
	n := newSingle(c.t)
	n.name = "n4"
	members := "  members:\n"
	for i, m := range append(c.nodes[:3:3], n) {
		members += fmt.Sprintf("    - {id: %d, name: %s, peer_urls: [\"http://%s\"], client_address: %q}\n", i+1, m.name, m.peer, m.client)
	}
	n.rewrite("  id: 1\n  # name", "  id: 4\n  # name", "  id: a1", "  id: a3", "state: new", "state: existing",
		fmt.Sprintf("  members:\n    - id: 1\n      name: single\n      peer_urls: [\"http://%s\"]\n      client_address: %s\n", n.peer, n.client), members)
	return n
}
