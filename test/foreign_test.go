//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// A member of another cluster that has the addresses of this one is kept out:
// both sides say why, once, and nothing of it gets in.
func TestPeerOfAnotherCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes[:2]...)
	load.progress(20)
	stranger := c.nodes[2]
	stranger.stop()
	before, _ := c.leader().status()
	stranger.data += "-of-another-cluster"
	stranger.rewrite("  id: a3", "  id: b7")
	stranger.start()
	stranger.await("to say that it is in the wrong cluster", func() bool {
		return strings.Contains(stranger.host.Log(), "cluster ID mismatch")
	})
	load.progress(200)
	for _, n := range append(c.nodes[:2:2], stranger) {
		if got := strings.Count(n.host.Log(), "cluster ID mismatch"); got > 10 {
			t.Errorf("%s says %d times that the cluster is wrong", n.name, got)
		}
	}
	if st, ok := stranger.status(); !ok || st.GetLeader() != "" || st.GetClusterId() != "b7" || st.GetRole() == "leader" {
		t.Errorf("the stranger is %v", st)
	}
	after, _ := c.nodes[0].status()
	if after.GetTerm() != before.GetTerm() {
		t.Errorf("the stranger disturbed the cluster: term %d, then %d", before.GetTerm(), after.GetTerm())
	}
	stranger.stop()

	// The member itself comes back; its data know which cluster they are of.
	stranger.rewrite("  id: b7", "  id: a3")
	args := append([]string{"serve"}, stranger.args()...)
	refusedWithin(t, patience, "", args...).says(t, exitFailed, stranger.config, "cluster", "b7", "a3")
	stranger.data = strings.TrimSuffix(stranger.data, "-of-another-cluster")
	stranger.startReady()
	load.stop()
	load.history.Check(t, c.agreed())
	load.history.CheckNoneUnknown(t)
	if got := len(stranger.state(client.Linearizable)); got == 0 {
		t.Error("the member that came back has nothing")
	}
	c.stop()
}
