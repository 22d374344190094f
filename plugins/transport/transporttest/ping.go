package transporttest

import (
	"errors"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testPing: a ping finds the member under the URLs that it is asked with, and
// no other member, and leaves everything as it is.
func testPing(t *testing.T, h Harness) {
	rule.Checks(t, "TR-43", "TR-44")
	if !h.New(t).Describe().Has(transport.CapabilityPing) {
		t.Skip("the transport has not the capability ping")
	}
	c := greeters(t, h, transport.Greeting{Store: storeOne}, transport.Greeting{Store: storeTwo}, transport.Greeting{Store: otherStore})
	c.settle()
	// Before others come: two nodes of one id may end each other's connections.
	t.Run("connections stand", func(t *testing.T) { testPingEndsNothing(t, c) })
	foreign := c.foreigner(2)
	dead := c.start(4, h.Listen)
	closeNode(t, dead)
	impostor := c.impostor(2, dead.url)
	for _, x := range []struct {
		name string
		id   uint64
		urls []string
		want error
	}{
		{"its URL", 2, []string{c.nodes[2].url}, nil},
		{"nobody there", 2, []string{dead.url}, transport.ErrUnreachable},
		{"one URL of several", 2, []string{dead.url, c.nodes[2].url}, nil},
		{"another member there", 2, []string{c.nodes[3].url}, transport.ErrUnreachable},
		{"a member of another cluster there", 2, []string{foreign.url}, transport.ErrUnreachable},
		{"another store of it there", 2, []string{impostor.url}, transport.ErrUnreachable},
		{"no URL", 2, nil, transport.ErrUnreachable},
		{"a peer that the host has not named", 5, []string{c.nodes[2].url}, transport.ErrUnknownPeer},
	} {
		t.Run(x.name, func(t *testing.T) {
			err := transport.PingOf(deadline(t), c.nodes[1].transport, transport.Peer{Id: x.id, Urls: x.urls})
			if !errors.Is(err, x.want) {
				t.Errorf("got %v, want %v", err, x.want)
			}
		})
	}
	accused := func(e transport.Event) bool { return e.Type == pluginv1.EventType_EVENT_MISMATCH && e.Peer == 2 }
	if c.nodes[1].count(accused) > 0 {
		t.Error("what answered at another URL was told of the peer, which is at its own")
	}
}

// testPingEndsNothing: messages sent while pings go arrive, all and in order, and
// no connection has ended.
func testPingEndsNothing(t *testing.T, c *cluster) {
	rule.Checks(t, "TR-44")
	one, two := c.nodes[1], c.nodes[2]
	lost := func(e transport.Event) bool {
		return e.Peer <= 2 && (e.Type == pluginv1.EventType_EVENT_UNREACHABLE || e.Type == pluginv1.EventType_EVENT_INACTIVE)
	}
	before := one.count(lost) + two.count(lost)
	messages := burst(1, 2, pluginv1.MessageClass_CLASS_APPEND, 300)
	for i := range messages {
		if i%100 == 0 {
			if err := transport.PingOf(deadline(t), one.transport, transport.Peer{Id: 2, Urls: []string{two.url}}); err != nil {
				t.Fatal(err)
			}
		}
		c.send(messages[i])
	}
	two.await(t, "all that was sent between pings", func() bool { return two.hasAll(messages) }, nil)
	checkOrder(t, two.received(), messages)
	if n := one.count(lost) + two.count(lost) - before; n > 0 {
		t.Errorf("%d losses were reported", n)
	}
}

// impostor starts another node with that id, and another store, which calls none of the
// nodes that are there.
func (c *cluster) impostor(id uint64, nobody string) *node {
	c.t.Helper()
	n := c.start(id, c.h.Listen)
	set := transport.PeerSet{Self: transport.Greeting{Store: otherStore + id}, Peers: []transport.Peer{{Id: 1, Urls: []string{nobody}}}}
	if err := n.transport.SetPeers(deadline(c.t), set); err != nil {
		c.t.Fatalf("set peers: %v", err)
	}
	return n
}

// foreigner starts a node with that id in another cluster.
func (c *cluster) foreigner(id uint64) *node {
	c.t.Helper()
	n := &node{id: id, recorder: newRecorder(c.h.Patience), transport: c.h.New(c.t)}
	opts := c.options(id, c.h.Listen)
	opts.ClusterID++
	opts.Config = c.h.config(c.t, opts.ClusterID, opts.NodeID)
	address, err := n.transport.Open(deadline(c.t), opts, n.recorder)
	if err != nil {
		c.t.Fatalf("open: %v", err)
	}
	c.t.Cleanup(func() { _ = n.transport.Close(deadline(c.t)) })
	n.url = c.h.URL(address)
	set := transport.PeerSet{Self: transport.Greeting{Store: storeTwo}, Peers: []transport.Peer{{Id: 1, Urls: []string{c.nodes[1].url}}}}
	if err := n.transport.SetPeers(deadline(c.t), set); err != nil {
		c.t.Fatalf("set peers: %v", err)
	}
	return n
}
