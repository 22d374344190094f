package transporttest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
)

// A Stranger is a transport that takes the place of a member without being
// one.
type Stranger struct {
	// Name says what is wrong with it.
	Name string
	// Cluster is what it is opened with; 0 for that of the members.
	Cluster uint64
	// Config makes its config section. The transport must be able to open
	// with it.
	Config func(t *testing.T, cluster, node uint64) []byte
}

// testStrangers puts each stranger at a member's address, with the member's
// id. It must hear nothing, and no node must hear it; both ends report their
// messages as lost.
func testStrangers(t *testing.T, h Harness) {
	for _, s := range h.Strangers {
		t.Run(s.Name, func(t *testing.T) { testStranger(t, h, s) })
	}
}

func testStranger(t *testing.T, h Harness, s Stranger) {
	rule.Checks(t, "TR-10")
	c := newCluster(t, h, 2)
	c.establish()
	if err := c.nodes[2].transport.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	stranger := s.replace(c, 2)
	member := c.nodes[1]
	heard := len(member.received())
	for range 20 {
		for _, link := range []struct {
			from *node
			to   uint64
		}{{stranger, 1}, {member, 2}} {
			before := link.from.count(unreachable(link.to))
			// A message that went into a connection's buffers before it was
			// refused is reported when it ends.
			link.from.await(t, "a report of the lost message", func() bool {
				return link.from.count(unreachable(link.to)) > before
			}, func() { c.send(newProbe(link.from.id, link.to, classes[0])) })
		}
	}
	if n := len(stranger.received()); n > 0 {
		t.Errorf("the stranger was told %d messages", n)
	}
	if n := len(member.received()); n > heard {
		t.Errorf("%d messages of the stranger were heard", n-heard)
	}
}

// replace opens the stranger as that node, whose transport is closed.
func (s Stranger) replace(c *cluster, id uint64) *node {
	c.t.Helper()
	old := c.nodes[id]
	opts := c.options(id, old.address)
	if s.Cluster != 0 {
		opts.ClusterID = s.Cluster
	}
	opts.Config = s.Config(c.t, opts.ClusterID, id)
	n := &node{id: id, recorder: newRecorder(c.h.Patience), transport: c.h.New(c.t), url: old.url, relay: old.relay}
	address, err := n.transport.Open(deadline(c.t), opts, n.recorder)
	if err != nil {
		c.t.Fatalf("open a stranger on %s: %v", old.address, err)
	}
	n.address = address
	c.t.Cleanup(func() { _ = n.transport.Close(deadline(c.t)) })
	c.nodes[id] = n
	c.setPeers(id)
	return n
}
