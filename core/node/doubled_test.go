package node

import (
	"errors"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/core/member"
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

// A member that a peer sees twice does not vote or lead, while it is told so.
func TestDoubledMemberDoesNotVote(t *testing.T) {
	n := follower(t)
	n.core.hear(heard{heartbeatFrom(2), gossip{run: 1, doubled: true}})
	if !n.core.isBarred() {
		t.Fatal("it votes")
	}
	for range toldElections*n.core.cfg.ElectionTicks + 1 {
		if err := n.core.Tick(); err != nil {
			t.Fatal(err)
		}
	}
	if n.core.isBarred() {
		t.Error("it does not vote though nobody has said so for long")
	}
}

// A leader that counts on an entry which this node acknowledged in its term, and
// does not have any more, is enough to find the loss: the entry need not be
// committed.
func TestLossOfAnAcknowledgedEntryIsFound(t *testing.T) {
	n := newTrio(t)
	n.term = 5
	n.from(2, pb.MsgHeartbeat, &pb.Message{Commit: new(uint64(0))})
	m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term), Commit: new(uint64(0))}
	n.core.hear(heard{m, gossip{acknowledged: n.core.lastIndex() + 1}})
	if err := n.core.Step(m); !errors.Is(err, ErrLostData) || !n.core.isBarred() {
		t.Errorf("got %v, want %v", err, ErrLostData)
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
