//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// kill -9 of a host, fifty times on the same data: its plugins follow it
// within two seconds, and a host that is started at once succeeds.
func TestA8PluginsDieWithTheirHost(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.startReady()
	load := startWorkload(t, n)
	for range rounds(50) {
		load.progress(1)
		dead := n.host
		if children := live.ChildrenOf(dead.PID()); len(children) != 3 {
			t.Fatalf("the host has these children: %v", children)
		}
		n.kill()
		killed := time.Now()
		n.start()
		if !within(2*time.Second-time.Since(killed), func() bool { return len(dead.Left()) == 0 }) {
			t.Fatalf("alive two seconds after their host: %v", dead.Left())
		}
		n.awaitReady()
	}
	load.progress(1)
	load.stop()
	load.history.Check(t, n.state(client.Linearizable))
	n.stop()
	n.leftNothing() // also not by those that were killed
}

// The same for a member of a cluster that goes on without it.
func TestKilledMemberComesBackAtOnce(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	for i := range rounds(10) {
		n := c.nodes[i%len(c.nodes)]
		load.progress(10)
		n.kill()
		n.startReady()
		if got := fmt.Sprint(len(live.ChildrenOf(n.host.PID()))); got != "3" {
			t.Errorf("%s has %s children", n.name, got)
		}
	}
	load.progress(10)
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}
