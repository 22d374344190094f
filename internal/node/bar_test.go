package node

import (
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A barred member notices that its leader has gone: it names none in its status,
// and passes nothing on to the dead one. It asks no member for votes all the
// same, and takes none.
func TestABarredMemberNamesNoDeadLeader(t *testing.T) {
	n := newTrio(t)
	n.follow()
	n.must(n.core.Bar(true))
	n.out = Output{}
	n.ticks(10 * n.core.cfg.ElectionTicks)
	if n.core.lead != raft.None {
		t.Errorf("it follows %x, which has said nothing for ten elections", n.core.lead)
	}
	term := n.core.term
	for id := uint64(2); id <= 3; id++ {
		n.from(id, pb.MsgPreVoteResp, &pb.Message{Term: new(term + 1)})
	}
	if len(n.out.Messages) > 0 || n.core.term != term {
		t.Errorf("it has sent %d messages, and is in term %d after %d", len(n.out.Messages), n.core.term, term)
	}
	n.must(n.takes(led{from: 2, term: term, run: 22}))
	if n.core.lead != 2 {
		t.Errorf("it follows %x though 2 leads again", n.core.lead)
	}
}

// The only voter needs no other vote: barred, it does not elect itself.
func TestABarredOnlyVoterDoesNotLead(t *testing.T) {
	n := newVoters(t, 1)
	n.must(n.core.Bar(true))
	n.ticks(10 * n.core.cfg.ElectionTicks)
	if n.core.leads() {
		t.Error("it leads")
	}
}

// A learner asks for no votes, so raft never tells it that its leader has gone. It
// notices all the same: else it would name a dead leader for ever, call itself ready,
// and pass proposals on to a member that is gone. The leader may come back, and another one may come.
func TestALearnerNamesNoDeadLeader(t *testing.T) {
	n := newTrio(t)
	n.asLearner()
	n.core.raft.ApplyConfChange(&pb.ConfChange{Type: pb.ConfChangeAddLearnerNode.Enum(), NodeId: new(uint64(1))})
	well := n.follow()
	for range 5 * n.core.cfg.ElectionTicks {
		n.must(n.takes(well))
		n.ticks(1)
		if n.core.lead != 2 {
			t.Fatal("it has forgotten a leader that is there")
		}
	}
	n.ticks(3 * n.core.cfg.ElectionTicks)
	if n.core.lead != raft.None {
		t.Errorf("it follows %x, which has said nothing for three elections", n.core.lead)
	}
	if n.core.term != well.term {
		t.Errorf("it is in term %d after %d", n.core.term, well.term)
	}
	n.must(n.takes(well))
	if n.core.lead != 2 {
		t.Errorf("it follows %x though 2 leads again", n.core.lead)
	}
	n.must(n.takes(led{from: 3, term: well.term + 1, run: 33}))
	n.ticks(n.core.cfg.ElectionTicks)
	if n.core.lead != 3 {
		t.Errorf("it follows %x, and 3 has just begun to lead", n.core.lead)
	}
}
