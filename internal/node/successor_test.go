package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// ticks advances the leader's clock.
func (n *trio) ticks(count int) {
	n.t.Helper()
	for range count {
		n.must(n.core.Tick())
		n.settle()
	}
}

// Leadership goes round in the order of ids, past those that were tried.
func TestSuccessor(t *testing.T) {
	l := newTrio(t)
	if to := l.core.Successor(); to != 0 {
		t.Errorf("a follower names %s", to)
	}
	l.elect()
	for _, tc := range []struct {
		tried []member.ID
		want  member.ID
	}{{nil, 2}, {[]member.ID{2}, 3}, {[]member.ID{3}, 2}, {[]member.ID{2, 3}, 0}} {
		if to := l.core.Successor(tc.tried...); to != tc.want {
			t.Errorf("after %v comes %s, want %s", tc.tried, to, tc.want)
		}
	}
}

// Raft itself takes a member that died half an election timeout ago for active:
// leadership goes to the one that answers heartbeats.
func TestSuccessorAnswersHeartbeats(t *testing.T) {
	l := newTrio(t)
	l.elect()
	for range l.core.cfg.ElectionTicks / 2 {
		l.ticks(1)
		l.from(3, pb.MsgHeartbeatResp, &pb.Message{})
	}
	if !l.core.Progress()[0].Active {
		t.Fatal("raft knows that member 2 is silent: the test shows nothing")
	}
	if to := l.core.Successor(); to != 3 {
		t.Errorf("while 2 is silent 1 names %s, want 3", to)
	}
	if l.core.InContact(2) || !l.core.InContact(3) {
		t.Errorf("in contact: 2 %t, 3 %t", l.core.InContact(2), l.core.InContact(3))
	}
}

// A broken connection is news at once; so is the first word after it.
func TestSuccessorIsReachable(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.must(l.core.Unreachable(2))
	if to := l.core.Successor(); to != 3 {
		t.Errorf("while 2 is unreachable 1 names %s, want 3", to)
	}
	l.must(l.core.Unreachable(3))
	if to := l.core.Successor(); to != 0 {
		t.Errorf("while nobody is reachable 1 names %s", to)
	}
	l.from(2, pb.MsgHeartbeatResp, &pb.Message{})
	if to := l.core.Successor(); to != 2 {
		t.Errorf("when 2 is heard again 1 names %s, want 2", to)
	}
}

// A member that lacks what is committed comes after those that have it, and
// the longest log first.
func TestSuccessorHasWhatIsCommitted(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.must(l.core.Propose(someProposal()))
	l.settle()
	l.from(3, pb.MsgAppResp, &pb.Message{Index: new(l.core.lastIndex())})
	if to := l.core.Successor(); to != 3 {
		t.Errorf("1 names %s, want 3, which has the last entry", to)
	}
	if to := l.core.Successor(3); to != 2 {
		t.Errorf("after 3 comes %s, want 2: it can still catch up", to)
	}
}

// A message that claims to come from a stranger leaves no trace.
func TestStrangersAreNotRemembered(t *testing.T) {
	l := newTrio(t)
	l.elect()
	before := len(l.core.hearing.last)
	for id := uint64(100); id < 200; id++ {
		_ = l.core.Step(&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(l.term)})
	}
	if n := len(l.core.hearing.last); n != before {
		t.Errorf("%d senders are remembered, %d before", n, before)
	}
}
