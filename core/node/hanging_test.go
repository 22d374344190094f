package node

import (
	"testing"

	"github.com/pontoon-raft/pontoon/core/member"
)

// pass does all work but that of the state machines in hung.
func (s *sim) pass(hung *simNode) {
	for range 20 {
		for len(s.wire) > 0 {
			m := s.wire[0]
			s.wire = s.wire[1:]
			msg, err := decode(m.payload, s.nodes[m.to-1].core.limits)
			if err != nil {
				s.t.Fatal(err)
			}
			s.nodes[m.to-1].check(ignoreRefusal(s.nodes[m.to-1].core.Step(msg)))
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
	one.check(one.core.ProposeChange(changeID, member.Change{Op: member.Update, Member: renamed}))
	s.pass(two)
	one.check(one.core.Tick()) // tells of the commit
	s.pass(two)
	if len(two.applies) == 0 {
		t.Fatal("nothing waits for the state machine: the test shows nothing")
	}
	if err := one.core.Transfer(2); err != nil {
		t.Fatal(err)
	}
	s.pass(two)
	if !two.core.leads() {
		t.Fatal("the member with the state machine that hangs cannot lead")
	}
	again := voter(1)
	again.Name = "renamed too"
	if err := two.core.ProposeChange(changeID, member.Change{Op: member.Update, Member: again}); err != nil {
		t.Errorf("a change at a leader whose state machine hangs: %v", err)
	}
}
