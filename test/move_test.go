//go:build linux

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A move brings a cluster from http to another transport, as the runbook says.
type move struct {
	*cluster
	load *workload
	// to is the new transport and source what the configuration says of where
	// it comes from.
	to, source string
	addresses  map[*node]string // where it listens
	was        map[*node]string // what the configuration said of transports
}

// From http to quic, on the same ports: each member gets the new transport, then the new address, then loses the old
// transport, then the old address, while all of them serve: writers on every
// member, and nothing that was acknowledged is lost.
func TestClusterMovesFromHTTPToQUICUnderLoad(t *testing.T) {
	t.Parallel()
	moveCluster(t, "quic", "isolation: process", func(n *node) string { return n.peer })
}

// The same with a transport that the host knows nothing of but what it says of
// itself.
func TestClusterMovesToAnExternalTransportUnderLoad(t *testing.T) {
	t.Parallel()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	moveCluster(t, webScheme, fmt.Sprintf("command: [%q, plugin-serve, transport, %s]\n      sha256: %s", own, webScheme, sumOf(t, own)),
		func(*node) string { return freeAddress(t) })
}

func moveCluster(t *testing.T, to, source string, address func(*node) string) {
	m := &move{cluster: newCluster(t), to: to, source: source, addresses: map[*node]string{}, was: map[*node]string{}}
	for _, n := range m.nodes {
		m.addresses[n] = address(n)
		m.was[n] = fmt.Sprintf("  transport:\n    name: http\n    # The address for other members; by default that of the first peer URL.\n    listen: %s\n", n.peer)
	}
	m.start()
	m.load = startWorkload(t, m.nodes...)
	m.load.progress(200)
	m.load.pauses.take()

	both := func(n *node) string { return "  transport:\n" + m.newTransport(n) + oldTransport(n) }
	m.step("both transports on every member", func(n *node) {
		m.restart(n, both(n))
		for _, peer := range m.others(n) {
			m.carries("http", n, peer, "http")
		}
	})
	m.step("both addresses in the cluster", func(n *node) {
		m.command("member", "update", n.id(), "--peer-urls", m.oldURL(n)+","+m.newURL(n))
	})
	for _, n := range m.nodes {
		for _, peer := range m.others(n) {
			m.carries(to, n, peer, to, "http")
		}
	}
	m.step("a kill of each of two transports", func(n *node) {
		m.end(n, to, "http", syscall.SIGKILL)
		m.end(n, "http", to, syscall.SIGKILL)
	})
	// A suspended process swallows messages without a report. Long before its
	// host finds out, the other transport has its messages.
	m.step("a suspension of the preferred transport", func(n *node) {
		m.end(n, to, "http", syscall.SIGSTOP)
	})
	m.step("the new transport alone", func(n *node) {
		m.restart(n, "  transport:\n"+m.newTransport(n))
	})
	m.step("the new addresses alone", func(n *node) {
		m.command("member", "update", n.id(), "--peer-urls", m.newURL(n))
	})
	for _, n := range m.nodes {
		for _, peer := range m.others(n) {
			m.carries(to, n, peer, to)
		}
		if got := live.ChildrenOf(n.host.PID()); len(got) != 3 {
			t.Errorf("%s has the processes %v, want three plugins", n, got)
		}
	}
	for _, n := range m.nodes {
		for _, line := range strings.Split(n.host.Log(), "\n") {
			if strings.Contains(line, "ERROR") {
				t.Errorf("%s logged after its last start: %s", n, line)
			}
		}
	}
	m.load.stop()
	m.load.history.Check(t, m.agreed())
	m.stop()
}

// step does something to one member after the other, each time under load and
// until the cluster is whole again.
func (m *move) step(what string, do func(*node)) {
	m.t.Helper()
	for _, n := range m.nodes {
		do(n)
		m.leader()
		m.load.progress(50)
	}
	m.t.Logf("%s: no write was acknowledged for %v at most", what, m.load.pauses.take())
}

// restart gives a member other transports.
func (m *move) restart(n *node, transports string) {
	m.t.Helper()
	n.stop()
	n.rewrite(m.was[n], transports)
	m.was[n] = transports
	n.startReady()
	want := strings.Count(transports, "advertise:")
	if got := live.ChildrenOf(n.host.PID()); len(got) != 2+want {
		m.t.Errorf("%s has the processes %v, want %d transports and two plugins besides", n, got, want)
	}
	st, _ := n.status()
	named := 0
	for _, p := range st.GetPlugins() {
		if p.GetKind() == "transport" {
			named++
		}
	}
	_, metrics, _ := n.get(n.admin, "/metrics")
	if got := strings.Count(metrics, `pontoon_plugin_up{kind="transport",name="`); got != want {
		m.t.Errorf("metrics of %s know %d transports, want %d", n, got, want)
	}
	if named != want {
		m.t.Errorf("status of %s has %d transports, want %d", n, named, want)
	}
}

// end ends or suspends one of two transports: it is started again, and the
// other one is not.
func (m *move) end(n *node, name, other string, sig syscall.Signal) {
	m.t.Helper()
	before, spared := n.transport(name), n.transport(other)
	if err := syscall.Kill(int(before.GetPid()), sig); err != nil {
		m.t.Fatal(err)
	}
	n.await("to replace its transport "+name, func() bool {
		p := n.transport(name)
		return p.GetState() == "ready" && p.GetRestarts() == before.GetRestarts()+1
	})
	if p := n.transport(other); p.GetPid() != spared.GetPid() || p.GetRestarts() != spared.GetRestarts() {
		m.t.Errorf("%s: with %s ended %s too: %v, before %v", n, name, other, p, spared)
	}
}

// transport is the status of one transport.
func (n *node) transport(name string) *hostv1.PluginStatus {
	st, _ := n.status()
	for _, p := range st.GetPlugins() {
		if p.GetKind() == "transport" && p.GetName() == name {
			return p
		}
	}
	return &hostv1.PluginStatus{}
}

// carries waits until a transport carries messages from a member to another,
// which has URLs for all usable ones.
func (m *move) carries(by string, from, to *node, usable ...string) {
	m.t.Helper()
	from.await("to reach "+to.name+" by "+by, func() bool {
		st, _ := from.status()
		for _, l := range st.GetLinks() {
			if l.GetId() == to.id() {
				return carriedBy(l, by, usable)
			}
		}
		return false
	})
}

func carriedBy(l *hostv1.PeerLink, by string, usable []string) bool {
	return l.GetTransport() == by && l.GetActive() && l.GetError() == "" && slices.Equal(l.GetUsable(), usable)
}

// newTransport and oldTransport are items of a list of transports.
func (m *move) newTransport(n *node) string {
	return fmt.Sprintf("    - name: %s\n      %s\n      advertise: [%q]\n", m.to, m.source, m.newURL(n))
}

func oldTransport(n *node) string {
	return fmt.Sprintf("    - name: http\n      advertise: [%q]\n", "http://"+n.peer)
}

func (m *move) newURL(n *node) string { return m.to + "://" + m.addresses[n] }

func (m *move) oldURL(n *node) string { return "http://" + n.peer }

// id is the member's, which its name ends with.
func (n *node) id() string { return strings.TrimPrefix(n.name, "n") }
