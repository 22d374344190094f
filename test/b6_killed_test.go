//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client/kv"
)

const (
	// statusLimit is how long the leader may not know that a snapshot has ended,
	// by promise.
	statusLimit = 5 * time.Second
	// pacedRate has the snapshots of TestB6KilledMidSnapshot travel for a second
	// and a half each.
	pacedRate   = 2_000_000
	pacedValues = 6
	pacedValue  = 512 << 10
)

// B6: whichever process is killed while a snapshot travels, a leader that lives
// knows within five seconds what became of it, once for each snapshot that it sent:
// that it failed, or that the transport has sent it again from the beginning. A
// snapshot reaches the follower, and the log is compacted again.
func TestB6KilledMidSnapshot(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, n := range c.nodes {
		n.settings = []string{"raft.catch_up_entries=10", "raft.snapshot_log_bytes=1MiB"}
		n.rewrite("name: http", fmt.Sprintf("name: http\n    config: {snapshot_rate: %d}", pacedRate))
	}
	c.start()
	for _, k := range []struct {
		what string
		kill func(sender, receiver *node)
		ends bool // the sender's host itself
	}{
		{"the receiver's transport", func(_, r *node) { r.signalPlugin("transport", syscall.SIGKILL) }, false},
		{"the sender's transport", func(s, _ *node) { s.signalPlugin("transport", syscall.SIGKILL) }, false},
		{"the receiver's storage", func(_, r *node) { r.signalPlugin("storage", syscall.SIGKILL) }, false},
		{"the sender's storage", func(s, _ *node) { s.signalPlugin("storage", syscall.SIGKILL) }, false},
		{"the receiver's state machine", func(_, r *node) { r.signalPlugin("statemachine", syscall.SIGKILL) }, false},
		{"the sender's state machine", func(s, _ *node) { s.signalPlugin("statemachine", syscall.SIGKILL) }, false},
		{"the receiver's host", func(_, r *node) { r.kill(); r.start() }, false},
		{"the sender's host", func(s, _ *node) { s.kill() }, true},
	} {
		t.Run(k.what, func(t *testing.T) {
			sender := c.leader()
			receiver := c.others(sender)[0]
			receiver.missTooMuch(t, sender)
			receiver.await("to be sent a snapshot", func() bool { return strings.Contains(receiver.host.Log(), `"receiving a snapshot"`) })
			ended := sender.sendsEnded()
			killed := sender.lastOf()
			k.kill(sender, receiver)
			knows := func() bool { // the snapshot may have ended before the kill
				return sender.sendsEnded() > ended || sender.sendsOf("sending a snapshot") == sender.sendsEnded()
			}
			if !k.ends && !within(statusLimit, knows) {
				t.Errorf("%v later the leader does not know what became of the snapshot\n%s", statusLimit, sender.host.LastLines(20))
			}
			if k.ends {
				sender.start()
			}
			receiver.await("to install one", func() bool { return strings.Contains(receiver.host.Log(), `"snapshot installed"`) })
			receiver.awaitReady()
			sender = c.leader()
			sender.compactBeyond(t, killed)
			for _, n := range c.nodes {
				n.awaitReady()
				n.await("to have ended each sending once", func() bool { return n.sendsOf("sending a snapshot") == n.sendsEnded() })
			}
		})
	}
	c.stop()
}

// sendsOf counts what this run of a node has said of snapshots for others.
func (n *node) sendsOf(text string) int { return strings.Count(n.host.Log(), fmt.Sprintf("%q", text)) }

func (n *node) sendsEnded() int {
	return n.sendsOf("snapshot could not be sent") + n.sendsOf("snapshot sent")
}

func (n *node) lastOf() uint64 {
	n.t.Helper()
	st, ok := n.status()
	if !ok {
		n.t.Fatalf("no status of %s", n.name)
	}
	return st.GetLastIndex()
}

// missTooMuch has a node miss more than the leader keeps, and starts it again. A node
// that was behind a moment ago may have got more until it stopped, but not more than
// the leader has.
func (n *node) missTooMuch(t *testing.T, leader *node) {
	t.Helper()
	n.stop()
	leader.compactBeyond(t, leader.lastOf()+1) // the entry that it needs next is gone, too
	n.start()
}

// compactBeyond writes until the node's log begins beyond the index.
func (n *node) compactBeyond(t *testing.T, index uint64) {
	t.Helper()
	client := n.dial()
	defer client.Close()
	data := make([]byte, pacedValue)
	for i := 0; ; i++ {
		if st, ok := n.status(); ok && st.GetFirstIndex() > index && i >= pacedValues {
			return
		}
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(data)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := client.Propose(ctx, kv.EncodePut(fmt.Append(nil, i%pacedValues), data))
		cancel()
		if err != nil {
			t.Fatalf("put %d: %v", i, err)
		}
	}
}
