package transporttest

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Stores, and another one for the second.
const (
	storeOne, storeTwo = 0x5101, 0x5102
	otherStore         = 0x51ff
)

// testGreetings: members tell each other who they are, and those that do not
// belong together exchange nothing else.
func testGreetings(t *testing.T, h Harness) {
	t.Run("greeted comes before messages", func(t *testing.T) { testGreeted(t, h) })
	t.Run("a peer that says nothing", func(t *testing.T) {
		rule.Checks(t, "TR-28")
		c := greeters(t, h, transport.Greeting{Store: storeOne, Number: 7, Founding: 8}, transport.Greeting{})
		c.establish()
	})
	t.Run("a wiped member is refused on every channel", func(t *testing.T) { testWiped(t, h, true) })
	t.Run("first sight pins", func(t *testing.T) { testWiped(t, h, false) })
	t.Run("a store that the host names ends a connection", func(t *testing.T) { testNamed(t, h) })
	t.Run("a store that this node gets makes connections anew", func(t *testing.T) { testOwnStore(t, h) })
	t.Run("a caller that is added", func(t *testing.T) { testAdded(t, h) })
	t.Run("another founding", func(t *testing.T) {
		testForeign(t, h, transport.MismatchFounding, transport.Greeting{Store: storeTwo, Number: 7, Founding: 9, Voters: 5})
	})
	t.Run("another number", func(t *testing.T) {
		testForeign(t, h, transport.MismatchNumber, transport.Greeting{Store: storeTwo, Number: 9, Founding: 8})
	})
}

// greeters is a cluster whose nodes say that of themselves.
func greeters(t *testing.T, h Harness, all ...transport.Greeting) *cluster {
	t.Helper()
	c := &cluster{t: t, h: h, nodes: map[uint64]*node{}, stores: map[uint64]uint64{}}
	for i, g := range all {
		id := uint64(i + 1)
		c.nodes[id] = c.start(id, h.Listen)
		c.nodes[id].self = g
	}
	c.connect()
	return c
}

// greeted matches the news that the peer says g.
func greeted(peer uint64, g transport.Greeting) func(transport.Event) bool {
	return func(e transport.Event) bool {
		return e.Type == pluginv1.EventType_EVENT_GREETED && e.Peer == peer && transport.Greeting(e.Greeting) == g
	}
}

// mismatch matches what a node is told of a peer that says g.
func mismatch(peer uint64, g transport.Greeting, reason transport.MismatchReason, verdict transport.MismatchVerdict, known uint64) func(transport.Event) bool {
	return func(e transport.Event) bool {
		return e.Type == pluginv1.EventType_EVENT_MISMATCH && e.Peer == peer && transport.Greeting(e.Greeting) == g &&
			e.Reason == reason && e.Verdict == verdict && e.Known == known && e.Detail != ""
	}
}

// testGreeted: the first message of a peer comes after its greeting, which is
// told once, and again when it has changed; connections stay for that.
func testGreeted(t *testing.T, h Harness) {
	rule.Checks(t, "TR-29", "TR-33")
	one := transport.Greeting{Store: storeOne}
	two := transport.Greeting{Store: storeTwo, Number: 7, Founding: 8}
	c := greeters(t, h, one, two)
	c.settle()
	for id, says := range map[uint64]transport.Greeting{1: two, 2: one} {
		if n := c.nodes[id].unannounced(); n > 0 {
			t.Errorf("node %d got %d messages before the greeting", id, n)
		}
		if n := c.nodes[id].count(greeted(3-id, says)); n != 1 {
			t.Errorf("node %d was greeted %d times with %+v", id, n, says)
		}
	}
	lost := map[uint64]int{}
	for id, n := range c.nodes {
		lost[id] = n.count(inactive(3 - id))
	}
	one.Number, one.Founding, one.Voters = 7, 8, 3
	c.nodes[1].self = one
	c.setPeers(1)
	c.nodes[2].await(t, "what the peer has learned of itself", func() bool { return c.nodes[2].count(greeted(1, one)) > 0 }, func() {
		c.send(newProbe(1, 2, classes[0]))
	})
	c.establish() // what was told before has been heard then
	for id, n := range c.nodes {
		if n.count(inactive(3-id)) != lost[id] {
			t.Errorf("node %d has lost its peer for a number", id)
		}
	}
}

func inactive(peer uint64) func(transport.Event) bool {
	return func(e transport.Event) bool { return e.Type == pluginv1.EventType_EVENT_INACTIVE && e.Peer == peer }
}

// testWiped: a member comes back with another store than it is known with,
// because the host has named that one, or because the transport has seen it.
// Nothing passes, both hosts are told, until the host names the new store.
func testWiped(t *testing.T, h Harness, named bool) {
	rule.Checks(t, "TR-27", "TR-28", "TR-30", "TR-31", "TR-32")
	c := greeters(t, h, transport.Greeting{Store: storeOne}, transport.Greeting{Store: storeTwo})
	if named {
		c.stores[2] = storeTwo
		c.connect()
	}
	c.establish()
	closeNode(t, c.nodes[2])
	wiped := transport.Greeting{Store: otherStore}
	restarted := c.restartAs(2, wiped)
	checkRefused(t, c, func() {
		awaitEvent(t, c, 1, mismatch(2, wiped, transport.MismatchStore, transport.VerdictJudged, storeTwo))
		awaitEvent(t, c, 2, mismatch(1, c.nodes[1].self, transport.MismatchStore, transport.VerdictRefusedByPeer, storeTwo))
	})
	if restarted.count(func(e transport.Event) bool { return e.Type == pluginv1.EventType_EVENT_REMOVED }) > 0 {
		t.Error("the wiped member was told that it was removed")
	}
	c.stores[2] = otherStore
	c.setPeers(1)
	c.establish()
}

// testForeign: members of clusters that were founded apart refuse each other.
func testForeign(t *testing.T, h Harness, reason transport.MismatchReason, two transport.Greeting) {
	rule.Checks(t, "TR-27", "TR-30", "TR-31")
	one := transport.Greeting{Store: storeOne, Number: 7, Founding: 8}
	c := greeters(t, h, one, two)
	checkRefused(t, c, func() {
		awaitEvent(t, c, 1, mismatch(2, two, reason, transport.VerdictJudged, 0))
		awaitEvent(t, c, 2, mismatch(1, one, reason, transport.VerdictJudged, 0))
		awaitEvent(t, c, 1, mismatch(2, two, reason, transport.VerdictRefusedByPeer, 0))
		awaitEvent(t, c, 2, mismatch(1, one, reason, transport.VerdictRefusedByPeer, 0))
	})
}

// testNamed: the host names a store while a connection stands that it
// contradicts. The connection ends, and no other one comes about.
func testNamed(t *testing.T, h Harness) {
	rule.Checks(t, "TR-33", "TR-30")
	c := greeters(t, h, transport.Greeting{Store: storeOne}, transport.Greeting{Store: storeTwo})
	c.settle()
	c.stores[2] = otherStore
	c.setPeers(1)
	awaitEvent(t, c, 1, inactive(2))
	checkRefused(t, c, func() {
		awaitEvent(t, c, 1, mismatch(2, c.nodes[2].self, transport.MismatchStore, transport.VerdictJudged, otherStore))
		awaitEvent(t, c, 2, mismatch(1, c.nodes[1].self, transport.MismatchStore, transport.VerdictRefusedByPeer, otherStore))
	}, 2) // which has no word of it yet
}

// testAdded: a caller that the host had not named becomes a peer while it is
// connected. The host hears what it had said once more: a peer's word counts
// otherwise than a stranger's.
func testAdded(t *testing.T, h Harness) {
	rule.Checks(t, "TR-29")
	two := transport.Greeting{Store: storeTwo}
	c := &cluster{t: t, h: h, nodes: map[uint64]*node{}, stores: map[uint64]uint64{}}
	for id := range uint64(2) {
		c.nodes[id+1] = c.start(id+1, h.Listen)
	}
	one := c.nodes[1]
	one.self, c.nodes[2].self = transport.Greeting{Store: storeOne}, two
	if err := one.transport.SetPeers(deadline(t), transport.PeerSet{Self: one.self, Joining: true}); err != nil {
		t.Fatal(err)
	}
	c.setPeers(2)
	one.await(t, "the stranger's greeting", func() bool { return one.count(greeted(2, two)) > 0 }, func() { c.send(newProbe(2, 1, classes[0])) })
	before := one.count(greeted(2, two))
	c.setPeers(1)
	one.await(t, "the peer's greeting", func() bool { return one.count(greeted(2, two)) > before }, func() { c.sendBothWays() })
	c.establish()
}

// testOwnStore: a node that had nothing to say gets a store. Its connections
// end, so that no node goes on with one on which it has not said so.
func testOwnStore(t *testing.T, h Harness) {
	rule.Checks(t, "TR-33")
	c := greeters(t, h, transport.Greeting{}, transport.Greeting{Store: storeTwo})
	c.settle()
	c.nodes[1].self = transport.Greeting{Store: storeOne}
	before := c.nodes[2].count(lost(1))
	c.setPeers(1)
	awaitEvent(t, c, 2, greeted(1, c.nodes[1].self))
	c.nodes[2].await(t, "the connection to end", func() bool { return c.nodes[2].count(lost(1)) > before }, nil)
	c.settle()
}

// lost matches reports that a connection ended.
func lost(peer uint64) func(transport.Event) bool {
	return func(e transport.Event) bool { return inactive(peer)(e) || unreachable(peer)(e) }
}

// awaitEvent waits for it while messages are sent both ways.
func awaitEvent(t *testing.T, c *cluster, at uint64, match func(transport.Event) bool) {
	t.Helper()
	c.nodes[at].await(t, "an event", func() bool { return c.nodes[at].count(match) > 0 }, func() { c.sendBothWays() })
}

// sendBothWays sends a small message of each class from each of two nodes.
func (c *cluster) sendBothWays() {
	for _, class := range classes {
		c.send(newProbe(1, 2, class))
		c.send(newProbe(2, 1, class))
	}
}

// checkRefused makes sure that no message or snapshot gets through between two
// nodes, before both have been told and after it, and that what is lost is
// reported. To the nodes that are named messages of before may be under way still.
func checkRefused(t *testing.T, c *cluster, told func(), underWay ...uint64) {
	t.Helper()
	var refused []transport.Envelope
	had := map[uint64]int{}
	for id, n := range c.nodes {
		had[id] = len(n.received())
		n.onSnapshot(func(context.Context, transport.SnapshotHeader, io.Reader) error {
			t.Errorf("node %d was offered a snapshot", id)
			return errors.New("nobody should have asked")
		})
	}
	told()
	for range 5 {
		for _, class := range classes {
			for _, way := range []direction{{1, 2}, {2, 1}} {
				probe := newProbe(way.from, way.to, class)
				refused = append(refused, probe)
				checkReport(t, c, way.from, way.to, func() { c.send(probe) })
			}
		}
	}
	for _, way := range []direction{{1, 2}, {2, 1}} {
		err := c.sendSnapshot(deadline(t), way.from, way.to, 1<<10, nil)
		if !errors.Is(err, transport.ErrSnapshotRefused) && !errors.Is(err, transport.ErrUnreachable) {
			t.Errorf("a snapshot from %d to %d: %v", way.from, way.to, err)
		}
	}
	for id, n := range c.nodes {
		if got := len(n.received()) - had[id]; got > 0 && !slices.Contains(underWay, id) {
			t.Errorf("%d messages were delivered to node %d", got, id)
		}
		if slices.ContainsFunc(refused, n.has) {
			t.Errorf("a message that is refused was delivered to node %d", id)
		}
	}
}
