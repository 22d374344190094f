//go:build linux

package e2e

import (
	"syscall"
	"testing"
)

// A host that is suspended loses leadership, and the others go on. When it is
// continued it follows, with the plugins that it had: that their probes were
// late was its own fault.
func TestASuspendedHost(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(50)
	n := c.leader()
	pid, before := n.host.PID(), map[string]int32{}
	for _, kind := range kinds() {
		before[kind] = n.plugin(kind).GetPid()
	}
	n.host.Signal(t, syscall.SIGSTOP)
	others := c.others(n)
	for _, o := range others {
		o.await("to follow another leader", func() bool {
			st, ok := o.status()
			return ok && st.GetLeader() != "" && st.GetLeader() != n.id()
		})
	}
	load.progress(200)
	n.host.Signal(t, syscall.SIGCONT)
	n.awaitReady()
	load.progress(50)
	for _, kind := range kinds() {
		if p := n.plugin(kind); p.GetPid() != before[kind] || p.GetRestarts() != 0 {
			t.Errorf("the %s of %s was replaced: it was process %d, and is %v", kind, n.name, before[kind], p)
		}
	}
	if n.host.PID() != pid || !n.host.Running() {
		t.Errorf("%s died of being suspended", n.name)
	}
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}
