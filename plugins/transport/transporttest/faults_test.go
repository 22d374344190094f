package transporttest

import (
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const control = pluginv1.MessageClass_CLASS_CONTROL

// network starts nodes on one Network.
func network(t *testing.T, size int) (*Network, *cluster) {
	n := NewNetwork()
	c := newCluster(t, Harness{New: func(*testing.T) transport.Transport { return n.New() }, URL: URL, Patience: patience}, size)
	return n, c
}

func TestCutLinkDropsAndReports(t *testing.T) {
	n, c := network(t, 3)
	n.Cut(1, 2)
	for _, way := range []direction{{1, 2}, {2, 1}} {
		m := newProbe(way.from, way.to, control)
		checkReport(t, c, way.from, way.to, func() { c.send(m) })
		if c.nodes[way.to].has(m) {
			t.Error("a message went over a link that is cut")
		}
	}
	c.establishLink(1, 3)
	n.Heal(1, 2)
	c.establish()
}

func TestIsolatedNodeReachesNobody(t *testing.T) {
	n, c := network(t, 3)
	n.Isolate(3)
	checkReport(t, c, 3, 1, func() { c.send(newProbe(3, 1, control)) })
	checkReport(t, c, 2, 3, func() { c.send(newProbe(2, 3, control)) })
	n.HealAll()
	c.establish()
}

func TestGateHoldsMessagesBack(t *testing.T) {
	n, c := network(t, 2)
	gate := n.Hold(1, 2)
	sent := burst(1, 2, control, 5)
	c.send(sent...)
	if gate.Len() != 5 {
		t.Fatalf("%d messages are held, want 5", gate.Len())
	}
	gate.Release(2)
	c.nodes[2].await(t, "two messages", func() bool { return c.nodes[2].hasAll(sent[:2]) }, nil)
	if len(c.nodes[2].received()) != 2 {
		t.Error("more came than were released")
	}
	gate.Open()
	c.nodes[2].await(t, "all messages", func() bool { return c.nodes[2].hasAll(sent) }, nil)
	checkOrder(t, c.nodes[2].received(), sent)
}

func TestCutLosesWhatIsHeldBack(t *testing.T) {
	n, c := network(t, 2)
	gate := n.Hold(1, 2)
	m := newProbe(1, 2, control)
	c.send(m)
	checkReport(t, c, 1, 2, func() { n.Cut(1, 2) })
	n.Heal(1, 2)
	gate.Open()
	c.establish()
	if c.nodes[2].has(m) {
		t.Error("a message outlived its link")
	}
}

func TestDropLosesSomeMessages(t *testing.T) {
	n, c := network(t, 2)
	n.Drop(func(m transport.Envelope) bool { return m.Class == control })
	lost, kept := newProbe(1, 2, control), newProbe(1, 2, pluginv1.MessageClass_CLASS_APPEND)
	checkReport(t, c, 1, 2, func() { c.send(lost, kept) })
	c.nodes[2].await(t, "the other message", func() bool { return c.nodes[2].has(kept) }, nil)
	if c.nodes[2].has(lost) {
		t.Error("a message that was to be dropped arrived")
	}
}

func TestGateReorders(t *testing.T) {
	n, c := network(t, 2)
	gate := n.Hold(1, 2)
	sent := burst(1, 2, control, 3)
	c.send(sent...)
	gate.Reorder(func(int) []int { return []int{2, 0, 1} })
	gate.Open()
	c.nodes[2].await(t, "all messages", func() bool { return c.nodes[2].hasAll(sent) }, nil)
	checkOrder(t, c.nodes[2].received(), []transport.Envelope{sent[2], sent[0], sent[1]})
}

func TestDelayedMessagesComeInOrderAndLate(t *testing.T) {
	const delay = 50 * time.Millisecond
	n, c := network(t, 2)
	n.Delay(delay)
	sent, began := burst(1, 2, control, 5), time.Now()
	c.send(sent[:4]...)
	n.Delay(0)
	c.send(sent[4]) // waits for those before it
	c.nodes[2].await(t, "all messages", func() bool { return c.nodes[2].hasAll(sent) }, nil)
	if took := time.Since(began); took < delay {
		t.Errorf("they came after %v, want %v at least", took, delay)
	}
	checkOrder(t, c.nodes[2].received(), sent)
}

func TestCutLosesWhatIsDelayed(t *testing.T) {
	n, c := network(t, 2)
	n.Delay(time.Hour)
	m := newProbe(1, 2, control)
	c.send(m)
	checkReport(t, c, 1, 2, func() { n.Cut(1, 2) })
	n.HealAll()
	c.establish()
	if c.nodes[2].has(m) {
		t.Error("a message outlived its link")
	}
}
