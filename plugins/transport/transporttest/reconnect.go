package transporttest

import (
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testReconnect: a connection that broke comes back, without what was waiting
// for the old one.
func testReconnect(t *testing.T, h Harness) {
	t.Run("a peer restarts on its address", func(t *testing.T) {
		rule.Checks(t, "TR-26")
		c := newCluster(t, h, 2)
		c.establish()
		for range 3 {
			closeNode(t, c.nodes[2])
			c.restart(2)
			c.establish()
		}
	})
	t.Run("a peer starts late", func(t *testing.T) {
		rule.Checks(t, "TR-26", "TR-16")
		c := newCluster(t, h, 2)
		closeNode(t, c.nodes[2])
		checkReport(t, c, 1, 2, func() { c.send(newProbe(1, 2, pluginv1.MessageClass_CLASS_CONTROL)) })
		c.restart(2)
		c.establish()
	})
	t.Run("activity is reported", func(t *testing.T) { testActivity(t, h) })
	if h.relayed() {
		t.Run("nothing outdated arrives", func(t *testing.T) { testOutdated(t, h) })
		t.Run("connections break while idle", func(t *testing.T) {
			rule.Checks(t, "TR-26")
			c := newCluster(t, h, 3)
			c.establish()
			for _, n := range c.nodes {
				n.relay.Break()
			}
			c.establish()
		})
	}
}

// testActivity: a peer is said to be active when it is there, and inactive
// when it has gone, as often as that happens.
func testActivity(t *testing.T, h Harness) {
	rule.Checks(t, "TR-26")
	c := newCluster(t, h, 2)
	n := c.nodes[1]
	for range 2 {
		n.await(t, "the peer to be active", func() bool { return n.activity(2) == pluginv1.EventType_EVENT_ACTIVE }, nil)
		closeNode(t, c.nodes[2])
		n.await(t, "the peer to be inactive", func() bool { return n.activity(2) == pluginv1.EventType_EVENT_INACTIVE }, nil)
		c.restart(2)
	}
}

// activity is what was said last of whether a peer is there.
func (n *node) activity(peer uint64) pluginv1.EventType {
	n.mu.Lock()
	defer n.mu.Unlock()
	kind := pluginv1.EventType_EVENT_INACTIVE
	for _, e := range n.events {
		if e.Peer == peer && (e.Type == pluginv1.EventType_EVENT_ACTIVE || e.Type == pluginv1.EventType_EVENT_INACTIVE) {
			kind = e.Type
		}
	}
	return kind
}

// testOutdated: messages are queued for a peer that does not read. When its
// connections have broken and come back, none of them arrives (statement B5).
func testOutdated(t *testing.T, h Harness) {
	rule.Checks(t, "TR-20")
	c := newCluster(t, h, 2)
	c.establish()
	for _, n := range c.nodes {
		n.relay.Stall()
	}
	// Enough to fill what the kernels take over.
	filler := make([]transport.Envelope, 0, 3*64)
	for range 64 {
		for _, class := range classes {
			filler = append(filler, newMessage(1, 2, class, 512<<10))
		}
	}
	c.send(filler...)
	var sent []transport.Envelope
	for range 400 {
		for _, class := range classes {
			m := newProbe(1, 2, class)
			sent = append(sent, m)
		}
	}
	c.send(sent...)
	// Behind all of them, so that its report says that the transport has taken
	// them: there may be a queue to its process.
	checkReport(t, c, 1, 99, func() { c.send(newProbe(1, 99, classes[len(classes)-1])) })
	checkReport(t, c, 1, 2, func() {
		for _, n := range c.nodes {
			n.relay.Cut()
		}
	})
	// A transport may report a path that is silent before it gives the connection up.
	c.nodes[1].await(t, "the peer to be inactive", func() bool { return c.nodes[1].activity(2) == pluginv1.EventType_EVENT_INACTIVE }, nil)
	for _, n := range c.nodes {
		n.relay.Heal()
	}
	c.establish()
	for _, m := range sent {
		if c.nodes[2].has(m) {
			t.Fatal("a message arrived that had been sent before the connection broke")
		}
	}
}
