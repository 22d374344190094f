package transporttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testDelivery: messages arrive unchanged, at the node they name, in the
// order of their class.
func testDelivery(t *testing.T, h Harness) {
	t.Run("every class, size and direction", func(t *testing.T) {
		rule.Checks(t, "TR-13")
		c := newCluster(t, h, 2)
		c.settle() // until then one connection may replace another, and what was on it is reported
		for _, class := range classes {
			for _, size := range []int{8, 100, 4 << 10, 200 << 10, 1 << 20} {
				for _, way := range []direction{{1, 2}, {2, 1}} {
					m := newMessage(way.from, way.to, class, size)
					c.send(m)
					to := c.nodes[way.to]
					to.await(t, "the message", func() bool { return to.has(m) }, nil)
					checkEnvelope(t, to.received(), m)
				}
			}
		}
	})
	t.Run("order within a class", func(t *testing.T) {
		rule.Checks(t, "TR-14", "TR-13")
		c := newCluster(t, h, 2)
		c.settle()
		for _, class := range classes {
			sent := burst(1, 2, class, 2000)
			for i := 0; i < len(sent); i += 50 {
				c.send(sent[i : i+50]...)
			}
			to := c.nodes[2]
			to.await(t, "all messages", func() bool { return to.hasAll(sent) }, nil)
			checkOrder(t, to.received(), sent)
			for _, m := range sent {
				if n := to.times(m); n != 1 {
					t.Fatalf("a message was delivered %d times", n)
				}
			}
		}
	})
	t.Run("no mixing between peers", func(t *testing.T) { testNoMixing(t, h) })
	t.Run("messages of a log", func(t *testing.T) { testLog(t, h) })
}

// checkEnvelope finds m among those received and compares all of it.
func checkEnvelope(t *testing.T, received []transport.Envelope, m transport.Envelope) {
	t.Helper()
	want := meaning(m.Payload)
	for _, got := range received {
		if meaning(got.Payload) != want {
			continue
		}
		if got.Group != m.Group || got.From != m.From || got.To != m.To || got.Class != m.Class {
			t.Errorf("group %d, %d to %d, %v: arrived as group %d, %d to %d, %v",
				m.Group, m.From, m.To, m.Class, got.Group, got.From, got.To, got.Class)
		}
		return
	}
	t.Errorf("message of %d bytes did not arrive unchanged", len(m.Payload))
}

// burst makes many small messages.
func burst(from, to uint64, class pluginv1.MessageClass, count int) []transport.Envelope {
	messages := make([]transport.Envelope, count)
	for i := range messages {
		messages[i] = newMessage(from, to, class, 8+i%200)
	}
	return messages
}

// checkOrder makes sure that all of sent arrived in their order.
func checkOrder(t *testing.T, received, sent []transport.Envelope) {
	t.Helper()
	if n := inOrder(received, sent); n != len(sent) {
		t.Errorf("only %d of %d messages arrived in order", n, len(sent))
	}
}

// inOrder is how many of sent arrived, each after the one before it.
func inOrder(received, sent []transport.Envelope) int {
	next := 0
	for _, m := range received {
		if next < len(sent) && meaning(m.Payload) == meaning(sent[next].Payload) {
			next++
		}
	}
	return next
}

// testNoMixing: many senders, many receivers, each gets what is its own.
func testNoMixing(t *testing.T, h Harness) {
	rule.Checks(t, "TR-13")
	c := newCluster(t, h, 3)
	c.settle()
	sent := map[uint64][]transport.Envelope{}
	for from := range c.nodes {
		for to := range c.nodes {
			if from == to {
				continue
			}
			for _, class := range classes {
				messages := burst(from, to, class, 200)
				c.send(messages...)
				sent[to] = append(sent[to], messages...)
			}
		}
	}
	for id, messages := range sent {
		n := c.nodes[id]
		n.await(t, "the messages of all senders", func() bool { return n.hasAll(messages) }, nil)
		for _, m := range n.received() {
			if m.To != id {
				t.Fatalf("node %d got a message for node %d", id, m.To)
			}
		}
	}
}

// testLog: messages as a leader sends them, which a transport may encode with
// regard to each other, mean the same when they arrive.
func testLog(t *testing.T, h Harness) {
	rule.Checks(t, "TR-13")
	c := newCluster(t, h, 2)
	c.settle()
	to := c.nodes[2]
	for i, m := range logMessages(rand.New(rand.NewPCG(1, 2)), 500) {
		e := envelope(pluginv1.MessageClass_CLASS_APPEND, m)
		c.send(e)
		// By meaning, not by place: messages that settled the connection may
		// still come.
		to.await(t, fmt.Sprintf("message %d of the log, as it was sent: %v", i, &m),
			func() bool { return to.hasAll([]transport.Envelope{e}) }, nil)
	}
}

// logMessages makes appends with new terms, gaps, and without entries.
func logMessages(random *rand.Rand, count int) []pluginv1.Message {
	messages := make([]pluginv1.Message, count)
	term, index := uint64(1), uint64(0)
	for i := range messages {
		if random.IntN(20) == 0 {
			term++
		}
		if random.IntN(20) == 0 {
			index += random.Uint64N(5)
		}
		m := pluginv1.Message{
			Type: typeApp, From: 1, To: 2, Term: term, LogTerm: term, Index: index, Commit: random.Uint64N(index + 1),
		}
		if random.IntN(20) == 0 {
			m.LogTerm--
		}
		for range random.IntN(4) {
			index++
			m.Entries = append(m.Entries, pluginv1.Entry{
				Term: term, Index: index, Data: bytes.Repeat([]byte{byte(index)}, random.IntN(300)),
			})
		}
		messages[i] = m
	}
	return messages
}
