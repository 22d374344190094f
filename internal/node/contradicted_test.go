package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// An acknowledgement that was forged in a follower's name leaves it without what
// it lacks, since raft keeps to it for as long as the term lasts. The follower
// says so, and the leader begins another term.
func TestAForgedAcknowledgementDoesNotStrandAFollower(t *testing.T) {
	c := &liedTo{sim: newSim(t, 5)}
	c.begin()
	liePhases()["with a follower behind"](c)
	leader, behind := c.nodes[c.leader()-1], c.nodes[c.follower(1)-1]
	term, last := leader.core.term, leader.core.lastIndex()
	if behind.core.lastIndex() >= last {
		t.Fatal("nobody is behind: this shows nothing")
	}
	leader.check(leader.core.Step(&pb.Message{
		Type: pb.MsgAppResp.Enum(), From: new(uint64(behind.id)), To: new(uint64(leader.id)), Term: new(term), Index: new(last),
	}))
	c.wire = nil // what was under way to it is lost
	c.recovers("a forged acknowledgement")
	if c.nodes[c.leader()-1].core.term == term {
		t.Error("it was caught up in the same term: this shows nothing")
	}
}

// A late rejection, from before what the follower has acknowledged since, is
// not a contradiction.
func TestALateRejectionContradictsNothing(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.ack(2)
	for range 5 {
		n.from(2, pb.MsgAppResp, &pb.Message{Index: new(n.core.lastIndex()), Reject: new(true), RejectHint: new(uint64(1)), LogTerm: new(uint64(1))})
	}
	if !n.core.leads() || n.core.term != n.term {
		t.Errorf("term %d, leads %t", n.core.term, n.core.leads())
	}
}
