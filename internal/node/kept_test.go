package node

import (
	"errors"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins"
)

// keeps is peer 2's answer to a heartbeat, with what it keeps.
func (n *trio) keeps(k Kept) {
	n.t.Helper()
	m := heartbeatFrom(2)
	m.Term = new(n.term)
	n.core.hear(heard{m, gossip{kept: k}})
}

// A member says with its answers to heartbeats what it keeps of a snapshot, until it says
// otherwise, and with no other message.
func TestAMemberSaysWhatItKeeps(t *testing.T) {
	n := newTrio(t)
	kept := Kept{Sum: strings.Repeat("s", 32), Bytes: 7}
	for _, want := range []Kept{kept, {}} {
		n.core.SnapshotKept(want)
		for _, kind := range []pb.MessageType{pb.MsgHeartbeatResp, pb.MsgHeartbeat, pb.MsgAppResp} {
			m := &pb.Message{Type: kind.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3))}
			n.core.encoder.gossip = n.core.gossip(m)
			payload, err := n.core.encoder.encode(m)
			n.must(err)
			_, g, err := decodeAll(payload, messageLimits{entry: 1 << 20, message: 1 << 20})
			if has := kind == pb.MsgHeartbeatResp; err != nil || has && g.kept != want || !has && g.kept != (Kept{}) {
				t.Errorf("%v says %+v: %v", kind, g.kept, err)
			}
		}
	}
}

// The next snapshot to a peer comes out with what the peer keeps by its last word, once: the
// peer has to say it again.
func TestASnapshotComesOutWithWhatItsPeerKeeps(t *testing.T) {
	n := newVoters(t, 3)
	n.elect()
	n.outrun()
	n.tick(1)
	kept := Kept{Sum: strings.Repeat("s", 32), Bytes: 7}
	var got []Kept
	failed := func() {
		got = append(got, n.out.Snapshots[len(n.out.Snapshots)-1].Kept)
		n.core.SnapshotFailed(2, errors.New("broke"), Gone{})
		n.must(n.core.SnapshotStatus(2, false))
	}
	n.keeps(Kept{Sum: kept.Sum, Bytes: 3})
	n.keeps(kept)
	if sent := n.lacks(2, failed); sent < 2 || got[0] != kept || got[1] != (Kept{}) {
		t.Fatalf("%d snapshots came out, with %+v", sent, got)
	}
	got = nil
	n.keeps(kept)
	n.keeps(Kept{})
	if sent := n.lacks(1, failed); sent < 1 || got[0] != (Kept{}) {
		t.Errorf("%d snapshots came out, with %+v, though nothing is kept any more", sent, got)
	}
}

// A snapshot goes on only for a peer that keeps some of this very one.
func TestWhereASnapshotGoesOn(t *testing.T) {
	sum, other := strings.Repeat("s", 32), strings.Repeat("o", 32)
	for _, c := range []struct {
		kept    Kept
		content Content
		want    uint64
	}{
		{Kept{sum, 7}, Content{9, sum}, 7},
		{Kept{sum, 9}, Content{9, sum}, 9},
		{Kept{sum, 10}, Content{9, sum}, 0},
		{Kept{other, 7}, Content{9, sum}, 0},
		{Kept{"", 7}, Content{9, ""}, 0},
		{Kept{}, Content{9, sum}, 0},
	} {
		if got := c.kept.Of(c.content); got != c.want {
			t.Errorf("%+v of %+v: %d, want %d", c.kept, c.content, got, c.want)
		}
	}
}

// Bytes that a peer has kept were not sent for nothing: a snapshot that breaks often and gets on is
// sent on without long pauses. A peer that says so and keeps a byte more each time gets no
// more than one that keeps nothing.
func TestWhatIsKeptWasNotSentForNothing(t *testing.T) {
	const size = 100
	for name, c := range map[string]struct {
		step        uint64 // that is kept more each time
		ticks       int
		least, most int // snapshots that begin in so many ticks, ten of which are an election timeout
	}{
		"nothing is kept": {0, 2000, 5, 12},
		"a byte more":     {1, 2000, 5, 12},
		"most of it":      {9, 15, 11, 15},
	} {
		t.Run(name, func(t *testing.T) {
			n := newVoters(t, 3)
			n.elect()
			n.outrun()
			n.tick(1)
			offset := uint64(0)
			sent := n.lacks(c.ticks, func() {
				if offset > 0 {
					n.core.SnapshotResumed(2, offset, size)
				}
				gone := Gone{Read: size - min(offset, size-1), Of: size}
				if c.step > 1 {
					gone.Read = c.step
				}
				n.core.SnapshotFailed(2, errors.New("broke"), gone)
				n.must(n.core.SnapshotStatus(2, false))
				offset += c.step
			})
			if sent < c.least || sent > c.most {
				t.Errorf("%d snapshots began, want %d to %d", sent, c.least, c.most)
			}
		})
	}
}

// The words of a peer on snapshots are checked: a sum has 32 bytes, and a snapshot that goes on
// has a sum and begins within its length.
func TestFalseWordsOfSnapshotsAreRefused(t *testing.T) {
	sum := strings.Repeat("s", 32)
	var e encoder
	message := func(m *pb.Message) []byte {
		payload, err := e.encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	snap := message(&pb.Message{
		Type: pb.MsgSnap.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3)),
		Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{
			ConfState: &pb.ConfState{Voters: []uint64{1, 2}}, Index: new(uint64(9)), Term: new(uint64(3)),
		}},
	})
	for name, b := range map[string][]byte{
		"an offset without a sum":     Announce(snap, Content{Bytes: 9}, 3),
		"an offset beyond the length": Announce(snap, Content{Bytes: 9, Sum: sum}, 10),
		"an offset without a length":  Announce(snap, Content{Sum: sum}, 1),
		"a sum that is too long":      Announce(snap, Content{Bytes: 9, Sum: sum + "s"}, 0),
	} {
		if a, err := SnapshotHeader(b, plugins.DefaultLimits()); !errors.Is(err, ErrInvalidMessage) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if a, err := SnapshotHeader(Announce(snap, Content{Bytes: 9, Sum: sum}, 9), plugins.DefaultLimits()); err != nil || a.Offset != 9 {
		t.Errorf("a rest of nothing: %+v, %v", a, err)
	}
	e.gossip = gossip{kept: Kept{Sum: sum[1:], Bytes: 3}}
	answer := message(&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3))})
	if _, _, err := decodeAll(answer, messageLimits{entry: 1 << 20, message: 1 << 20}); !errors.Is(err, ErrInvalidMessage) {
		t.Errorf("a kept snapshot with half of a sum: %v", err)
	}
}
