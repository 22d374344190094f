package node

import (
	"errors"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// reelect takes leadership from node 1 and gives it back. The votes reach it, and
// the appends reach no member: so nothing is committed.
func (n *trio) reelect() {
	n.t.Helper()
	n.term++
	n.from(2, pb.MsgHeartbeat, &pb.Message{Commit: new(uint64(0))})
	for range 100 {
		n.must(n.core.Tick())
		n.settle()
		if n.core.leads() {
			n.term = n.core.term
			return
		}
		if term := n.core.raft.BasicStatus().GetTerm(); n.core.raft.BasicStatus().RaftState == raft.StatePreCandidate {
			n.from(2, pb.MsgPreVoteResp, &pb.Message{Term: new(term + 1)})
		} else {
			n.from(2, pb.MsgVoteResp, &pb.Message{Term: new(term)})
		}
	}
	n.t.Fatal("not elected")
}

// fill proposes until the leader takes no more, and returns how many bytes it
// took.
func (n *trio) fill() (took uint64) {
	n.t.Helper()
	for i := range 100 {
		err := n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: uint64(i)}, make([]byte, 100))})
		n.settle()
		if errors.Is(err, ErrDropped) {
			return took
		}
		n.must(err)
		took += 100
	}
	n.t.Fatal("the leader is never full")
	return took
}

// The uncommitted part of a log is bounded across terms: a leader counts what it
// takes over of those before it. Otherwise each election, while nothing can be
// committed, would have the log grow by as much again.
func TestElectionsMakeNoRoomForWhatIsNotCommitted(t *testing.T) {
	n := newTrio(t)
	n.elect()
	if took := n.fill(); took == 0 {
		t.Fatal("the first leader took nothing")
	}
	for range 10 {
		n.reelect()
		if took := n.fill(); took > 0 {
			t.Fatalf("term %d: the leader has as much as it may, and took %d bytes more", n.term, took)
		}
	}
	n.ack(2)
	if took := n.fill(); took < 700 {
		t.Errorf("all was committed, and the leader takes %d bytes", took)
	}
	n.ack(2)
	if n.core.uncommitted != 0 {
		t.Errorf("all is committed, and %d bytes count", n.core.uncommitted)
	}
}
