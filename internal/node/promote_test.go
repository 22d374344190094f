package node

import (
	"errors"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// join adds a voter, and the others take it.
func (n *trio) join(id member.ID, others ...uint64) member.Member {
	n.t.Helper()
	n.must(n.core.ProposeChange(changeID, joining(id), nil))
	n.settle()
	for _, o := range others {
		n.ack(o)
	}
	m, ok := n.core.Registry().Member(id)
	if !ok {
		n.t.Fatal("it is not a member")
	}
	return m
}

// A single member is told of a second one that cannot be reached: its address
// was mistyped. It does not count for a quorum, so writes go on, and it can be
// mended or removed.
func TestMistypedAddressDoesNotCostTheQuorum(t *testing.T) {
	for _, repair := range []member.Change{leaving(2), moving(2)} {
		n := newVoters(t, 1)
		n.elect()
		if m := n.join(2); !m.Learner || !m.Promote {
			t.Fatalf("the new member is %+v", m)
		}
		n.live(50)
		commit := n.core.raft.BasicStatus().GetCommit()
		n.must(n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: 9}, []byte("x"))}))
		n.settle()
		if now := n.core.raft.BasicStatus().GetCommit(); now != commit+1 {
			t.Errorf("commit went from %d to %d", commit, now)
		}
		n.must(n.core.ProposeChange(changeID, repair, nil))
		n.settle()
		if m, in := n.core.Registry().Member(2); in && m.PeerURLs[0] != "http://elsewhere:1" {
			t.Errorf("after %s the member is %+v", repair.Op, m)
		}
	}
}

// A new member becomes a voter by itself when it has what the log has, and not
// before.
func TestNewVoterIsALearnerUntilItHasCaughtUp(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.join(4, 2)
	n.live(30, 2, 3)
	if m, _ := n.core.Registry().Member(4); !m.Learner {
		t.Fatal("a member that nobody has reached is a voter")
	}
	err := n.core.ProposeChange(changeID, joining(4), nil)
	if !errors.Is(err, ErrNotCaughtUp) || !strings.Contains(err.Error(), "not heard from") {
		t.Errorf("by hand: %v", err)
	}
	n.live(1, 2, 3, 4)
	err = n.core.ProposeChange(changeID, joining(4), nil)
	if !errors.Is(err, ErrNotCaughtUp) || !strings.Contains(err.Error(), "0 of ") {
		t.Errorf("by hand, with nothing: %v", err)
	}
	n.ack(4)
	n.live(1, 2, 3, 4)
	n.ack(2)
	if m, _ := n.core.Registry().Member(4); m.Learner || m.Promote {
		t.Errorf("caught up, it is %+v", m)
	}
	if len(n.core.Registry().Voters()) != 4 {
		t.Errorf("voters are %v", n.core.Registry().Voters())
	}
}

// A member that was added as a learner stays one, until a change says
// otherwise.
func TestLearnerStaysALearner(t *testing.T) {
	n := newTrio(t)
	n.elect()
	change := joining(4)
	change.Member.Learner = true
	n.must(n.core.ProposeChange(changeID, change, nil))
	n.settle()
	n.ack(2)
	n.ack(4)
	n.live(30, 2, 3, 4)
	if m, _ := n.core.Registry().Member(4); !m.Learner {
		t.Fatal("it was promoted")
	}
	n.must(n.core.ProposeChange(changeID, joining(4), nil))
	n.settle()
	n.ack(2)
	if m, _ := n.core.Registry().Member(4); m.Learner {
		t.Error("it was not promoted")
	}
}

// A promotion that would cost the quorum waits until it does not: two of three
// are there, and of four three are needed.
func TestPromotionWaitsForTheQuorum(t *testing.T) {
	n := newVoters(t, 4)
	n.elect()
	n.join(5, 2, 3)
	n.ack(5)
	n.core.hearing.last[3], n.core.hearing.last[4] = 0, 0
	n.core.hearing.ticks += 100
	hear := func(id uint64) {
		m := heartbeatFrom(id)
		m.Term = new(n.term)
		n.core.note(m)
	}
	hear(2)
	hear(5)
	n.core.promote()
	if n.core.changePending.index != 0 {
		t.Fatal("promoted: three of five answer, but of the four only two")
	}
	hear(3)
	n.core.promote()
	if n.core.changePending.index == 0 {
		t.Error("not promoted though four of five answer")
	}
}

// The mark is in the log: a leader that did not add the member promotes it.
func TestNextLeaderPromotes(t *testing.T) {
	marked := voter(2)
	marked.Learner, marked.Promote = true, true
	registry := &member.Registry{}
	for i, m := range []member.Member{voter(1), marked} {
		var err error
		if registry, err = registry.Apply(member.Change{Op: member.Add, Member: m}, uint64(i+1), 1); err != nil {
			t.Fatal(err)
		}
	}
	meta := storage.SnapshotMetadata{Index: 5, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1}, Learners: []uint64{2}}}
	core, err := NewCore(tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), Registry: registry,
		State: storage.State{
			FirstIndex: 6, LastIndex: 5, HardState: storage.HardState{Term: 1, Commit: 5},
			Terms: []storage.TermBoundary{{Index: 5, Term: 1}}, Snapshots: []storage.SnapshotInfo{{Metadata: meta}},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	n := &trio{t: t, core: core}
	n.settle()
	n.elect()
	n.ack(2)
	n.live(2, 2)
	n.ack(2)
	if m, _ := core.Registry().Member(2); m.Learner {
		t.Errorf("it is %+v", m)
	}
}

// While the state machine does not answer, nothing is written for a learner
// that waits to be promoted.
func TestPromotionWritesNothingWhileTheMachineIsDown(t *testing.T) {
	n := newVoters(t, 1)
	n.elect()
	n.must(n.core.ProposeChange(changeID, joining(2), nil))
	flush := func() { // the disk answers, the state machine does not
		for {
			out := n.core.Output()
			if len(out.Appends) == 0 {
				return
			}
			for _, a := range out.Appends {
				n.must(n.core.AppendDone(a.Number))
			}
		}
	}
	flush()
	if m, ok := n.core.Registry().Member(2); !ok || !m.Learner {
		t.Fatalf("the member is %+v", m)
	}
	answer := func(kind pb.MessageType, index uint64) {
		n.must(n.core.Step(&pb.Message{Type: kind.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term), Index: new(index)}))
		flush()
	}
	before := n.core.lastIndex()
	for range 100 {
		n.must(n.core.Tick())
		flush()
		answer(pb.MsgHeartbeatResp, 0)
		answer(pb.MsgAppResp, n.core.lastIndex())
	}
	if grown := n.core.lastIndex() - before; grown > 2 {
		t.Errorf("in 100 ticks %d entries were written, and the learner is none the nearer", grown)
	}
}
