package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A node whose disk was wiped may have voted before: once it knows of its
// loss, it does not vote.
func TestNodeThatLostDataDoesNotVote(t *testing.T) {
	for _, lost := range []bool{false, true} {
		l := newTrio(t)
		n := New(l.core, statePorts{})
		last := l.core.lastIndex()
		if lost {
			heartbeat := &pb.Message{
				Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(1)), Commit: new(last + 9),
			}
			l.must(n.takeIn(&inputs{messages: []*pb.Message{heartbeat}, heard: []heard{{heartbeat, gossip{}}}}, true))
			if n.publish(); n.State().Accused == nil {
				t.Fatal("state says nothing of it")
			}
		}
		l.must(n.stepMessage(&pb.Message{
			Type: pb.MsgVote.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(uint64(7)),
			LogTerm: new(uint64(6)), Index: new(last + 9), Context: []byte("CampaignTransfer"),
		}))
		if voted := l.core.saved.Vote == 3; voted == lost {
			t.Errorf("lost data: %t, voted: %t", lost, voted)
		}
	}
}

// statePorts are for a Node whose output is not needed.
type statePorts struct{ Ports }

// The word of one who does not lead says nothing of what this member lost: a
// heartbeat in the term of another leader.
func TestOnlyTheLeaderCanSayThatDataAreLost(t *testing.T) {
	n := newTrio(t)
	n.term = 5
	n.from(2, pb.MsgHeartbeat, &pb.Message{Commit: new(uint64(0))})
	_ = n.takes(led{from: 3, term: 5, commit: 1 << 40, acknowledged: 1 << 40})
	if n.core.lost != nil || n.core.isBarred() {
		t.Errorf("on the word of one that does not lead: %v", n.core.accused())
	}
}
