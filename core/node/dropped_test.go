package node

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// toldDropped are the numbers of requests that a node tells a member that it has
// dropped.
func toldDropped(t *testing.T, n *Node, to uint64) (numbers []uint64) {
	t.Helper()
	for _, e := range n.core.Output().Messages {
		m, err := decode(e.Payload, messageLimits{entry: 1 << 20, message: 1 << 22})
		if err != nil {
			t.Fatal(err)
		}
		if m.GetType() != pb.MsgProp || e.To != to {
			continue
		}
		if !m.GetReject() || len(m.GetEntries()) > 0 || e.Class != pluginv1.MessageClass_CLASS_PROPOSAL {
			t.Fatalf("sends %v", m)
		}
		for c := m.GetContext(); len(c) > 0; c = c[8:] {
			numbers = append(numbers, binary.BigEndian.Uint64(c))
		}
	}
	return numbers
}

// What a member has forwarded and this node held in vain, or has no room to hold,
// is counted, and its origin is told.
func TestTheOriginIsToldWhatWasDropped(t *testing.T) {
	t.Run("held for an election", func(t *testing.T) {
		n := follower(t)
		step(t, n, forwarded(2, 100))
		for range n.core.cfg.ElectionTicks + 1 {
			for _, m := range n.held.tick(n.core.cfg.ElectionTicks) {
				n.drop(requestsOf(m))
			}
		}
		if got := toldDropped(t, n, 2); len(got) != 1 || got[0] != 1 || n.DroppedProposals() != 1 {
			t.Errorf("member 2 is told that %v were dropped, %d are counted; want number 1", got, n.DroppedProposals())
		}
	})
	t.Run("no room", func(t *testing.T) {
		n := follower(t)
		for range 6 {
			step(t, n, forwarded(2, maxHeldBytes/4))
		}
		if got := toldDropped(t, n, 2); len(got) != 3 || n.DroppedProposals() != 3 {
			t.Errorf("member 2 is told of %d drops, %d are counted; want three", len(got), n.DroppedProposals())
		}
	})
	t.Run("its own, which came back to it", func(t *testing.T) {
		n := follower(t)
		n.drop(requestsOf(forwarded(1, 100)))
		if out := n.core.Output(); len(out.Dropped) != 1 || out.Dropped[0] != (RequestID{1, 1}) {
			t.Errorf("dropped are %v", out.Dropped)
		}
	})
}

// A member that is told so tells its clients that nothing was applied.
func TestWhatAMemberHasDroppedIsRejected(t *testing.T) {
	l := newTrio(t)
	l.must(l.core.Step(&pb.Message{
		Type: pb.MsgProp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Reject: new(true),
		Context: binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 5), 7),
	}))
	ports := &rejecting{}
	New(l.core, ports).dispatch()
	if len(ports.ids) != 2 || ports.ids[0] != (RequestID{1, 5}) || ports.ids[1] != (RequestID{1, 7}) {
		t.Errorf("rejected are %v, want 5 and 7", ports.ids)
	}
}

type rejecting struct {
	Ports
	ids []RequestID
}

func (r *rejecting) Rejected(ids []RequestID, _ error) { r.ids = append(r.ids, ids...) }

// The log says at once that something was dropped, and then not more often than
// every ten elections, with what has gathered.
func TestDropsAreLoggedAtLeisure(t *testing.T) {
	n := follower(t)
	var log bytes.Buffer
	n.logger = slog.New(slog.NewTextHandler(&log, nil))
	pass := func(ticks int) (lines string) {
		log.Reset()
		for range ticks {
			n.drop(requestsOf(forwarded(2, 10)))
			n.drops.tick(n)
		}
		return log.String()
	}
	if got := pass(1); !strings.Contains(got, "proposals=1") {
		t.Errorf("the first drop is logged as %q", got)
	}
	pause := dropPause * n.core.cfg.ElectionTicks
	if got := pass(pause - 1); got != "" {
		t.Errorf("too soon after that the log says %q", got)
	}
	if got := pass(1); strings.Count(got, "\n") != 1 || !strings.Contains(got, "proposals=100") {
		t.Errorf("after the pause the log says %q", got)
	}
}
