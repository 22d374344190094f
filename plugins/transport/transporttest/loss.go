package transporttest

import (
	"sync"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testLoss: a dropped message is reported, and only so late that the report
// follows the message.
func testLoss(t *testing.T, h Harness) {
	t.Run("an unknown peer", func(t *testing.T) {
		rule.Checks(t, "TR-16")
		c := newCluster(t, h, 1)
		for _, class := range classes {
			checkReport(t, c, 1, 99, func() { c.send(newProbe(1, 99, class)) })
		}
	})
	t.Run("a peer that is closed", func(t *testing.T) {
		rule.Checks(t, "TR-16")
		c := newCluster(t, h, 2)
		c.establish()
		closeNode(t, c.nodes[2])
		for _, class := range classes {
			checkReport(t, c, 1, 2, func() { c.send(newProbe(1, 2, class)) })
		}
	})
	t.Run("a snapshot message without its snapshot", func(t *testing.T) {
		rule.Checks(t, "TR-17")
		c := newCluster(t, h, 2)
		c.establish()
		m := envelope(pluginv1.MessageClass_CLASS_SNAPSHOT, pluginv1.Message{Type: typeSnap, From: 1, To: 2, Term: 2})
		checkReport(t, c, 1, 2, func() { c.send(m) })
		if c.nodes[2].has(m) {
			t.Error("it was delivered")
		}
	})
	t.Run("a peer that is slow does not hold up another", func(t *testing.T) { testSlowPeer(t, h) })
	if h.relayed() {
		t.Run("breaking connections under load", func(t *testing.T) { testBreaking(t, h) })
	}
}

// checkReport makes sure that a report follows send.
func checkReport(t *testing.T, c *cluster, from, to uint64, send func()) {
	t.Helper()
	n := c.nodes[from]
	before := n.count(unreachable(to))
	send()
	n.await(t, "an unreachable report", func() bool { return n.count(unreachable(to)) > before }, nil)
}

func closeNode(t *testing.T, n *node) {
	t.Helper()
	if err := n.transport.Close(deadline(t)); err != nil {
		t.Fatalf("close node %d: %v", n.id, err)
	}
	n.change(func() { n.closed = true })
}

// testSlowPeer: node 2 does not come back from Deliver; node 3 gets all.
func testSlowPeer(t *testing.T, h Harness) {
	rule.Checks(t, "TR-18", "TR-14")
	c := newCluster(t, h, 3)
	c.establish()
	release := make(chan struct{})
	c.nodes[2].change(func() { c.nodes[2].deliver = func([]transport.Envelope) { <-release } })
	defer close(release)
	for range 200 {
		c.send(newMessage(1, 2, pluginv1.MessageClass_CLASS_APPEND, 1<<20))
	}
	for _, class := range classes {
		m := newProbe(1, 3, class)
		c.send(m)
		c.nodes[3].await(t, "a message past a slow peer", func() bool { return c.nodes[3].has(m) }, nil)
	}
}

// testBreaking: while connections break again and again, every message is
// delivered, or a report comes after it.
func testBreaking(t *testing.T, h Harness) {
	rule.Checks(t, "TR-16", "TR-13")
	c := newCluster(t, h, 2)
	c.establish()
	type sending struct {
		message transport.Envelope
		reports int // before it was sent
	}
	var mu sync.Mutex
	var sent []sending
	var senders sync.WaitGroup
	for _, class := range classes {
		senders.Go(func() {
			for range 3000 {
				m := newMessage(1, 2, class, 100)
				before := c.nodes[1].count(unreachable(2))
				c.send(m)
				mu.Lock()
				sent = append(sent, sending{m, before})
				mu.Unlock()
			}
		})
	}
	breaks := func() {
		c.nodes[1].relay.Break()
		c.nodes[2].relay.Break()
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		senders.Wait()
	}()
	for i := 0; ; i++ {
		select {
		case <-finished:
			breaks()
			for _, s := range sent {
				c.nodes[1].await(t, "delivery or a report", func() bool {
					return c.nodes[2].has(s.message) || c.nodes[1].count(unreachable(2)) > s.reports
				}, nil)
				if n := c.nodes[2].times(s.message); n > 1 {
					t.Fatalf("a message was delivered %d times", n)
				}
			}
			c.establish()
			return
		default:
			c.establishLink(1, 2)
			breaks()
		}
	}
}
