package node

import (
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// wish is the answer to a heartbeat by which a peer asks for a state.
func (n *trio) wish(from member.ID, index uint64) {
	m := heartbeatFrom(uint64(from))
	m.Term = new(n.term)
	n.core.hear(heard{m, gossip{wanted: index}})
	n.from(uint64(from), pb.MsgHeartbeatResp, m)
}

// given are the snapshots that came out in so many ticks, in which peer 2 answers
// and keeps to its wish.
func (n *trio) given(ticks int, wish uint64) (sends []SnapshotSend, wanted bool) {
	n.t.Helper()
	for range ticks {
		n.wish(2, wish)
		n.must(n.core.Tick())
		sends = append(sends, n.core.out.Snapshots...)
		wanted = wanted || n.core.out.SnapshotWanted
		n.settle()
	}
	return sends, wanted
}

func (n *trio) saved(index uint64) storage.SnapshotMetadata {
	n.t.Helper()
	term, err := n.core.log.Term(index)
	n.must(err)
	meta := storage.SnapshotMetadata{Index: index, Term: term, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	n.core.SnapshotSaved(meta)
	return meta
}

// A leader takes a snapshot for a follower that asks for a state, and sends it
// when the follower's log is known to reach it, for the state machine alone. A
// snapshot that did not help is sent again after a pause, and not while one is on
// its way. If the follower has all there is, the log gets one more entry, so that
// there can be a newer snapshot.
func TestALeaderGivesAStateToAFollowerThatAsks(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.ack(2)
	n.saved(n.core.lastIndex())
	wish := n.core.lastIndex() + 1
	sends, wanted := n.given(1, wish)
	if len(sends) > 0 || !wanted || n.core.lastIndex() != wish {
		t.Fatalf("sent %v, wanted a snapshot: %v, the log ends at %d, want %d", sends, wanted, n.core.lastIndex(), wish)
	}
	n.saved(wish)
	if sends, _ = n.given(30, wish); len(sends) > 0 {
		t.Fatalf("sent %v to a follower whose log is not known to reach it", sends)
	}
	n.ack(2)
	sends, _ = n.given(30, wish)
	if len(sends) != 1 || sends[0].To != 2 || sends[0].Index != wish || !sends[0].StateOnly {
		t.Fatalf("sent %+v, want one snapshot at %d", sends, wish)
	}
	a, err := SnapshotHeader(sends[0].Message, n.core.cfg.Limits)
	if err != nil || !a.StateOnly || a.Metadata.Index != wish {
		t.Errorf("it is announced as %+v, %v", a, err)
	}
	n.core.StateSent(2, Gone{Read: 1, Of: 1})
	if sends, _ = n.given(19, wish); len(sends) > 0 {
		t.Error("sent again without a pause")
	}
	if sends, _ = n.given(10, wish); len(sends) != 1 {
		t.Errorf("sent %v after the pause, want one", sends)
	}
	n.core.StateSent(2, Gone{Read: 1, Of: 1})
	if sends, wanted = n.given(30, 0); len(sends) > 0 || wanted {
		t.Error("something was done for a follower that asks for nothing")
	}
	if n.core.lastIndex() != wish {
		t.Errorf("the log ends at %d, want %d", n.core.lastIndex(), wish)
	}
}

// Impossible wishes are not granted: one beyond the leader's log, and any wish
// while the leader asks for a state itself.
func TestWishesThatAreNotGranted(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.ack(2)
	last := n.core.lastIndex()
	n.saved(last)
	if sends, wanted := n.given(30, last+2); len(sends) > 0 || wanted || n.core.lastIndex() != last {
		t.Errorf("a wish beyond the log: sent %v, wanted %v", sends, wanted)
	}
	n.core.WantState(last)
	if sends, wanted := n.given(30, last); len(sends) > 0 || wanted {
		t.Errorf("by a leader without a state: sent %v, wanted %v", sends, wanted)
	}
	n.core.WantState(0)
	if sends, _ := n.given(1, last); len(sends) != 1 {
		t.Errorf("sent %v, want one", sends)
	}
}

// A follower's wish goes with its answers to heartbeats.
func TestTheWishGoesWithHeartbeatAnswers(t *testing.T) {
	n := newTrio(t)
	n.core.WantState(7)
	for kind, want := range map[pb.MessageType]uint64{pb.MsgHeartbeatResp: 7, pb.MsgHeartbeat: 0, pb.MsgAppResp: 0} {
		if g := n.core.gossip(&pb.Message{Type: kind.Enum(), To: new(uint64(2))}); g.wanted != want {
			t.Errorf("%s asks for %d, want %d", kind, g.wanted, want)
		}
	}
}

// A snapshot becomes a member's own only if the log has what it stands for.
func TestOnlyAStateThatFitsTheLogIsTaken(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.ack(2)
	registry, good := n.core.Registry(), n.saved(n.core.lastIndex())
	alter := func(f func(*storage.SnapshotMetadata)) storage.SnapshotMetadata {
		m := good
		f(&m)
		return m
	}
	n.must(n.core.CheckState(2, good, registry))
	n.must(n.core.Propose(someProposal()))
	n.settle() // stored here, and not committed
	for name, c := range map[string]struct {
		from member.ID
		meta storage.SnapshotMetadata
		says string
	}{
		"a stranger's":         {9, good, "no such member"},
		"beyond the log":       {2, alter(func(m *storage.SnapshotMetadata) { m.Index += 5 }), "the log here is"},
		"not committed":        {2, alter(func(m *storage.SnapshotMetadata) { m.Index++ }), "committed up to"},
		"of another term":      {2, alter(func(m *storage.SnapshotMetadata) { m.Term++ }), "has term"},
		"with other members":   {2, alter(func(m *storage.SnapshotMetadata) { m.ConfState.Voters = []uint64{1, 2} }), "members"},
		"before the log began": {2, alter(func(m *storage.SnapshotMetadata) { m.Index = 0 }), "has term"},
	} {
		if err := n.core.CheckState(c.from, c.meta, registry); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
