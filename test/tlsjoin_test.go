//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Over TLS only members are heard, and members join all the same: one that knows
// the others, and one that is led by a member which is not in its list, and whose
// list is older than its cluster.
func TestMembersJoinOverTLS(t *testing.T) {
	t.Parallel()
	certs := filepath.Join(t.TempDir(), "certs")
	hostDoes(t, "cert", "init", "--dir", certs, "--config", filepath.Join("..", "configs", "tls3", "t1.yaml"))
	hostDoes(t, "cert", "init", "--dir", certs, "--cluster", "b3", "--members", "n4=4,n5=5")
	c := newClusterOf(t, "tls3", "t", "certs/", certs+"/")
	c.start()
	load := startWorkload(t, c.nodes...)
	load.progress(50)
	joins := func(id int) *node {
		name := fmt.Sprintf("n%d", id)
		n := c.fourth()
		n.rewrite("  id: 4\n", fmt.Sprintf("  id: %d\n", id), "{id: 4, name: n4", fmt.Sprintf("{id: %d, name: %s", id, name),
			"http://", "https://", "  id: a3", "  id: b3",
			"    listen: "+n.peer, fmt.Sprintf("    listen: %s\n    config: {tls: {cert: %[2]s/%[3]s.crt, key: %[2]s/%[3]s.key, ca: %[2]s/ca.crt}}", n.peer, certs, name))
		hostDoes(t, "member", "add", "--endpoints", c.endpoints(), "--id", fmt.Sprint(id), "--name", name, "--peer-url", "https://"+n.peer, "--client-address", n.client)
		n.startReady()
		n.await("to be a voter, which is given the leadership", func() bool {
			return hostCommand(t, "leader", "transfer", fmt.Sprint(id), "--endpoints", c.endpoints()).Run() == nil
		})
		load.progress(50)
		return n
	}
	n4 := joins(4)
	n5 := joins(5) // its list has neither the leader nor a member that came after the first three
	c.nodes = append(c.nodes, n4, n5)
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}
