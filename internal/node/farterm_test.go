package node

import (
	"errors"
	"math"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// heartbeatOf is a heartbeat that node 1 gets.
func heartbeatOf(from, term uint64) *pb.Message {
	return &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(from), To: new(uint64(1)), Term: new(term)}
}

// One peer's word does not move the term far, and what was refused has no
// effect.
func TestATermFarAwayIsNotBelieved(t *testing.T) {
	for _, term := range []uint64{maxTermJump + 10, 1 << 62, math.MaxInt64, maxTerm} {
		n := newTrio(t)
		n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(5))})
		for range 3 {
			if err := n.core.Step(heartbeatOf(3, term)); !errors.Is(err, ErrInvalidMessage) {
				t.Errorf("term %d: got %v, want %v", term, err, ErrInvalidMessage)
			}
		}
		if n.core.term != 5 || n.core.lead != 2 {
			t.Errorf("after term %d: %x leads in term %d", term, n.core.lead, n.core.term)
		}
	}
}

// A member that was away while the others' terms went far believes them when a
// majority of the voters has shown it, and no sooner.
func TestAMajorityShowsATermFarAway(t *testing.T) {
	n := newTrio(t)
	far := uint64(1 << 62)
	if err := n.core.Step(heartbeatOf(2, far)); !errors.Is(err, ErrInvalidMessage) {
		t.Fatalf("one of three: %v", err)
	}
	_ = n.core.Step(&pb.Message{Type: pb.MsgPreVoteResp.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(far), Reject: new(true)})
	n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(far)})
	if n.core.term != far || n.core.lead != 2 {
		t.Errorf("%x leads in term %d", n.core.lead, n.core.term)
	}
}

// Those who are not voters show nothing.
func TestStrangersShowNoTerm(t *testing.T) {
	n := newTrio(t)
	for id := uint64(4); id < 10; id++ {
		_ = n.core.Step(heartbeatOf(id, 1<<62))
	}
	if err := n.core.Step(heartbeatOf(2, 1<<62)); !errors.Is(err, ErrInvalidMessage) {
		t.Errorf("got %v, want %v", err, ErrInvalidMessage)
	}
}

// However often a peer moves the term, it gets no further than one jump in each
// rest.
func TestTermsLastHoweverOftenAPeerMovesThem(t *testing.T) {
	n := newTrio(t)
	rests := 20
	for range rests * termRest * n.core.cfg.ElectionTicks {
		for _, jump := range []uint64{1 << 40, maxTermJump, maxTermJump / 2, termSlack} {
			_ = n.core.Step(heartbeatOf(2+jump%2, n.core.term+jump))
			n.settle()
		}
		n.must(n.core.Tick())
		n.settle()
	}
	if most := uint64(rests+1) * 2 * maxTermJump; n.core.term > most {
		t.Errorf("the term is %d after %d rests, more than %d", n.core.term, rests, most)
	}
}

// A cluster whose members all have a huge term, which earlier versions took from
// one peer and could not go on from, goes on: it elects, commits, and takes a
// member in that has not heard of the term.
func TestAClusterGoesOnFromAHugeTerm(t *testing.T) {
	c := &liedTo{sim: newSim(t, 3)}
	c.begin()
	for _, n := range c.nodes[:2] {
		n.disk.hs.Term, n.disk.hs.Vote = math.MaxInt64, 0
		n.boot()
	}
	c.recovers("the upgrade")
	if term := c.nodes[2].core.term; term <= math.MaxInt64 {
		t.Errorf("the member that was away is in term %d", term)
	}
	if id := c.leader(); c.nodes[id-1].registry().Number() == 0 || id == member.ID(0) {
		t.Error("no leader")
	}
}
