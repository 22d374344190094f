//go:build linux

package e2e

import (
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// configs/quic3 runs as it is documented: it elects, it answers writes while
// members are killed and come back, a member that was away for long gets a
// snapshot, and all have the same state.
func TestClusterOverQUIC(t *testing.T) {
	t.Parallel()
	c := newClusterOf(t, "quic3", "n")
	for _, n := range c.nodes {
		n.settings = snapshotting()
	}
	c.start()
	load := startWorkload(t, c.nodes...)
	for _, n := range c.nodes {
		load.progress(100)
		n.kill()
		load.progress(300)
		n.startReady()
	}
	load.progress(100)
	load.stop()
	load.history.Check(t, c.agreed())
	for _, n := range c.nodes {
		if got := len(n.state(client.Stale)); got == 0 {
			t.Errorf("%s has no keys", n.name)
		}
	}
	c.stop()
}
