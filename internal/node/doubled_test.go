package node

import (
	"errors"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// answers steps an answer to a heartbeat of a process that serves a member.
func (n *trio) answers(id, run uint64) error {
	m := &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(n.term)}
	n.core.hear(heard{m, gossip{run: run}})
	err := n.core.Step(m)
	n.settle()
	return err
}

// Two processes serve member 2: the leader takes the word of neither, tells them
// so, and believes the one that is left only after a while.
func TestTwoProcessesOfOneMemberAreRefused(t *testing.T) {
	n := newTrio(t)
	n.elect()
	for range 4 * n.core.cfg.ElectionTicks {
		n.must(n.core.Tick())
		n.settle()
		_, _ = n.answers(2, 100), n.answers(2, 200)
		n.must(n.answers(3, 300))
	}
	if got := n.core.Doubled(); !slices.Equal(got, []member.ID{2}) {
		t.Fatalf("doubled are %v", got)
	}
	if err := n.answers(2, 100); !errors.Is(err, ErrInvalidMessage) {
		t.Errorf("its word: %v, want %v", err, ErrInvalidMessage)
	}
	told := n.core.gossip(&pb.Message{Type: pb.MsgHeartbeat.Enum(), To: new(uint64(2))})
	other := n.core.gossip(&pb.Message{Type: pb.MsgHeartbeat.Enum(), To: new(uint64(3))})
	if !told.doubled || other.doubled {
		t.Errorf("member 2 is told %v, member 3 %v", told.doubled, other.doubled)
	}
	for range doubledElections*n.core.cfg.ElectionTicks + 1 {
		n.must(n.core.Tick())
		n.settle()
		_ = n.answers(2, 100)
		n.must(n.answers(3, 300))
	}
	if err := n.answers(2, 100); err != nil || len(n.core.Doubled()) > 0 {
		t.Errorf("after the other one has ended: %v, doubled are %v", err, n.core.Doubled())
	}
}

// A process that ended, and whose last messages come in between the first ones
// of its successor, is not two.
func TestSuccessorOfAProcessIsNoSecondOne(t *testing.T) {
	n := newTrio(t)
	n.elect()
	for run := range uint64(20) {
		for range 10 { // all that had waited, in one tick
			n.must(n.answers(2, run+1))
			n.must(n.answers(2, run+2))
		}
		for range n.core.cfg.ElectionTicks {
			n.must(n.core.Tick())
			n.settle()
			n.must(n.answers(2, run+2))
			n.must(n.answers(3, 300))
		}
	}
	if got := n.core.Doubled(); len(got) > 0 {
		t.Errorf("doubled are %v", got)
	}
}

// A member that a peer sees twice does not vote or lead, while it is told so and
// for some time longer: the peer may have ended.
func TestDoubledMemberDoesNotVote(t *testing.T) {
	n := newTrio(t)
	word := n.follow()
	word.doubled = true
	for range n.core.cfg.ElectionTicks + 1 {
		_ = n.takes(word)
		n.must(n.core.Tick())
	}
	if !n.core.isBarred() {
		t.Fatal("it votes")
	}
	word.run, word.doubled = word.run+1, false // it has started anew, and has seen nothing yet
	_ = n.takes(word)
	for range (toldElections - 1) * n.core.cfg.ElectionTicks {
		n.must(n.core.Tick())
		if !n.core.isBarred() {
			t.Fatal("it votes, by the word of a process that has just started")
		}
	}
	n.ticks(n.core.cfg.ElectionTicks + 1)
	if n.core.isBarred() {
		t.Error("it does not vote though nobody has said so for long")
	}
}

// A member is known by the store that it showed first, one that is not added yet
// by the last one; and of strangers the latest are known, however many there were.
func TestTheLastStoreOfAStrangerCounts(t *testing.T) {
	n := newTrio(t)
	for _, store := range []uint64{0xa, 0xb} {
		for _, id := range []member.ID{2, 1 << 40} {
			if err := n.core.Greeted(id, store); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id := range member.ID(2 * maxStrangers) {
		if err := n.core.Greeted(1000+id, 1); err != nil {
			t.Fatal(err)
		}
	}
	known := n.core.registrar.known
	if known[2] != 0xa || known[1<<40] != 0xb || known[1000+2*maxStrangers-1] != 1 {
		t.Errorf("member 2 is known with %x, a stranger with %x, the latest one with %x", known[2], known[1<<40], known[1000+2*maxStrangers-1])
	}
	if len(known) > maxStrangers+3 {
		t.Errorf("%d stores are known", len(known))
	}
}

// A peer's word that is not said again bars no member: the peer's next message
// says otherwise, and of a peer that sends nothing more one word is not enough.
func TestOneWordOfADoubleBarsNobody(t *testing.T) {
	n := newTrio(t)
	well := n.follow()
	wrong := well
	wrong.doubled = true
	_ = n.takes(wrong)
	_ = n.takes(led{from: 3, term: 4, doubled: true, run: 33})
	n.must(n.core.Tick())
	n.must(n.takes(well))
	if n.core.isBarred() {
		t.Error("it is barred by one word")
	}
}

// Learners decide nothing: one of them, by what it sees, takes no voter out of
// service.
func TestALearnersWordOfADoubleBarsNobody(t *testing.T) {
	n := newVoters(t, 1)
	learner := voter(2)
	learner.Learner = true
	grown, err := n.core.registry.Apply(member.Change{Op: member.Add, Member: learner}, 10, 1)
	n.must(err)
	n.core.registry = grown
	for range 4 * n.core.cfg.ElectionTicks {
		n.must(n.core.Tick())
		n.core.hear(heard{
			&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.core.term)},
			gossip{run: 22, doubled: true},
		})
	}
	if n.core.isBarred() || len(n.core.Doubled()) > 0 {
		t.Errorf("the only voter is barred by the word of a learner; doubled are %v", n.core.Doubled())
	}
}

// A leader that one follower takes for two, and most others for one, is one.
func TestMostVotersDenyADouble(t *testing.T) {
	n := newVoters(t, 5)
	n.elect()
	for range 4 * n.core.cfg.ElectionTicks {
		n.must(n.core.Tick())
		n.settle()
		for id := uint64(2); id <= 5; id++ {
			m := &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(n.term)}
			n.core.hear(heard{m, gossip{run: id, doubled: id == 2}})
			n.must(n.core.Step(m))
		}
	}
	if n.core.isBarred() {
		t.Error("one of four bars the leader")
	}
}
