package transporttest

import (
	"context"
	"errors"
	"io"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testClose: Close ends everything and waits for the handler.
func testClose(t *testing.T, h Harness) {
	t.Run("calls before Open and after Close fail", func(t *testing.T) { testLifeCycle(t, h) })
	t.Run("twice, and without Open", func(t *testing.T) {
		rule.Checks(t, "P-24")
		c := newCluster(t, h, 1)
		for range 2 {
			if err := c.nodes[1].transport.Close(deadline(t)); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if err := h.New(t).Close(deadline(t)); err != nil {
			t.Errorf("close without open: %v", err)
		}
	})
	t.Run("a second group is refused", func(t *testing.T) { testSecondGroup(t, h) })
	t.Run("no handler call afterwards", func(t *testing.T) { testNoLateCalls(t, h) })
	t.Run("waits for a snapshot's verdict", func(t *testing.T) { testCloseInSnapshot(t, h) })
	t.Run("the address is free at once", func(t *testing.T) {
		rule.Checks(t, "TR-45", "P-24")
		c := newCluster(t, h, 2)
		for range 20 {
			closeNode(t, c.nodes[2])
			c.restart(2)
		}
	})
}

// testSecondGroup: an open instance serves the group that it was opened for, and no
// other.
func testSecondGroup(t *testing.T, h Harness) {
	rule.Checks(t, "P-21", "P-39")
	c := newCluster(t, h, 2)
	c.establish()
	opts := c.options(1, h.Listen)
	opts.Group++
	opts.Incarnation++
	if _, err := c.nodes[1].transport.Open(deadline(t), opts, newRecorder(h.Patience)); !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("open for group %d while it serves group %d: got %v, want ErrInvalidArgument", opts.Group, opts.Group-1, err)
	}
	c.establish()
}

func testLifeCycle(t *testing.T, h Harness) {
	rule.Checks(t, "P-23", "P-24")
	tr := h.New(t)
	probe := []transport.Envelope{newProbe(1, 2, pluginv1.MessageClass_CLASS_CONTROL)}
	if err := tr.Send(deadline(t), probe); !errors.Is(err, plugins.ErrNotOpen) {
		t.Errorf("send before open: got %v, want ErrNotOpen", err)
	}
	if err := tr.SetPeers(deadline(t), transport.PeerSet{}); !errors.Is(err, plugins.ErrNotOpen) {
		t.Errorf("set peers before open: got %v, want ErrNotOpen", err)
	}
	if err := tr.Close(deadline(t)); err != nil {
		t.Errorf("close before open: %v", err)
	}

	c := newCluster(t, h, 2)
	closeNode(t, c.nodes[1])
	tr = c.nodes[1].transport
	if err := tr.Send(deadline(t), probe); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("send after close: got %v, want ErrClosed", err)
	}
	if err := tr.SetPeers(deadline(t), transport.PeerSet{}); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("set peers after close: got %v, want ErrClosed", err)
	}
	if err := c.sendSnapshot(deadline(t), 1, 2, 8, nil); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("send snapshot after close: got %v, want ErrClosed", err)
	}
}

// testNoLateCalls closes a node in the middle of a storm of messages, several times.
// All are looked at in the end: a call may come long after Close.
func testNoLateCalls(t *testing.T, h Harness) {
	rule.Checks(t, "TR-45", "TR-16")
	var closed []*node
	for range 5 {
		c := newCluster(t, h, 2)
		c.establish()
		for _, class := range classes {
			c.send(burst(1, 2, class, 1000)...)
		}
		n := c.nodes[2]
		closeNode(t, n)
		n.mu.Lock()
		running := n.calls
		n.mu.Unlock()
		if running > 0 {
			t.Errorf("%d handler calls were running when Close returned", running)
		}
		for _, class := range classes {
			checkReport(t, c, 1, 2, func() { c.send(newProbe(1, 2, class)) })
		}
		closed = append(closed, n)
	}
	for _, n := range closed {
		n.mu.Lock()
		late := n.late
		n.mu.Unlock()
		if late > 0 {
			t.Errorf("%d handler calls came after Close had returned", late)
		}
	}
}

// testCloseInSnapshot: the receiver is told to stop, and waited for.
func testCloseInSnapshot(t *testing.T, h Harness) {
	rule.Checks(t, "TR-45", "TR-36")
	c := newCluster(t, h, 2)
	started := make(chan struct{})
	c.nodes[2].onSnapshot(func(ctx context.Context, _ transport.SnapshotHeader, r io.Reader) error {
		_, _ = io.Copy(io.Discard, r)
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})
	result := make(chan error, 1)
	go func() { result <- c.sendSnapshot(deadline(t), 1, 2, 1<<20, nil) }()
	next(t, "the snapshot to be read", started)
	closeNode(t, c.nodes[2])
	if err := next(t, "the sender's result", result); err == nil {
		t.Error("the sender was told that the snapshot was accepted")
	}
	if n := c.nodes[2]; n.late > 0 {
		t.Errorf("%d handler calls came after Close had returned", n.late)
	}
}
