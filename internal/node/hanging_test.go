package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// pass does all work but that of the state machines in hung.
func (s *sim) pass(hung *simNode) {
	for range 20 {
		for s.deliverFirst() {
		}
		for _, n := range s.nodes {
			n.finishAppend(len(n.appends))
			for n != hung && len(n.applies) > 0 {
				n.finishApply()
			}
		}
	}
}

// A state machine that hangs keeps its member from nothing that raft does:
// while a committed membership change has not reached it, the member takes
// over the leadership, and changes follow each other.
func TestAMemberWhoseStateMachineHangsCanLead(t *testing.T) {
	s := newPair(t)
	one, two := s.nodes[0], s.nodes[1]
	renamed := voter(2)
	renamed.Name = "renamed"
	one.check(one.core.ProposeChange(changeID, member.Change{Op: member.Update, Member: renamed}, nil))
	s.pass(two)
	one.check(one.core.Tick()) // tells of the commit
	s.pass(two)
	if len(two.applies) == 0 {
		t.Fatal("nothing waits for the state machine: the test shows nothing")
	}
	one.check(one.core.Transfer(2))
	s.pass(two)
	if !two.core.leads() {
		t.Fatal("the member with the state machine that hangs cannot lead")
	}
	again := voter(1)
	again.Name = "renamed-too"
	if err := two.core.ProposeChange(changeID, member.Change{Op: member.Update, Member: again}, nil); err != nil {
		t.Errorf("a change at a leader whose state machine hangs: %v", err)
	}
}

// Entries that raft has put out are not kept for the state machine: the log in
// memory is as large for a member whose state machine has not applied any of
// it.
func TestTheLogInMemoryHasABoundHoweverSlowTheStateMachine(t *testing.T) {
	n := newTrio(t)
	const size, count = 1 << 20, 40
	n.supersede(n.core.lastIndex()+1, storage.Entry{Data: NewProposal(changeID, nil).plain()})
	n.settle()
	for range count {
		last := n.core.lastIndex()
		e := storage.Entry{Term: n.term, Index: last + 1, Data: NewProposal(changeID, make([]byte, size)).plain()}
		n.from(2, pb.MsgApp, &pb.Message{Index: new(last), LogTerm: new(n.term), Commit: new(last + 1), Entries: fromEntries([]storage.Entry{e})})
		n.settle()
	}
	if at := n.core.putOut; at != n.core.lastIndex() || len(n.out.Applies) < count {
		t.Fatalf("%d of %d entries were put out", at, n.core.lastIndex())
	}
	if have, most := n.core.log.tailBytes, n.core.cfg.MaxTailBytes; have > most {
		t.Errorf("%d MiB of %d are in memory, want up to %d", have>>20, count, most>>20)
	}
	if int(n.core.lastIndex()-n.core.log.tailFirst)+1 != len(n.core.log.tail) {
		t.Error("the tail in memory does not fit its place")
	}
}
