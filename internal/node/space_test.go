package node

import (
	"errors"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

var short = storage.Space{Short: true, Detail: "3 bytes are free"}

func someProposal() []Proposal {
	return []Proposal{NewProposal(RequestID{Origin: 1, Number: 1}, []byte("x"))}
}

// A leader that is short of space takes no proposals, its own or others', but
// still a membership change; when it has space again it takes them all.
func TestLeaderShortOfSpaceTakesNoProposals(t *testing.T) {
	l := newTrio(t)
	l.elect()
	last := l.core.lastIndex()
	l.core.SetFitness(Fitness{Condition: ShortOfSpace, Space: short})
	if err := l.core.Propose(someProposal()); !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), short.Detail) {
		t.Errorf("a proposal = %v, want %v with the detail", err, ErrNoSpace)
	}
	l.must(l.core.StepForwarded(forwarded(l.core, 2, 1, 10)))
	if got := l.saidTo(2); len(got) != 1 || got[0] != (said{batchAnswer{1, 0}, noSpace}) {
		t.Errorf("a forwarded proposal is answered with %v", got)
	}
	if got := l.core.lastIndex(); got != last {
		t.Fatalf("the log grew from %d to %d", last, got)
	}
	l.must(l.core.ProposeChange(RequestID{Origin: 1, Number: 2}, member.Change{Op: member.Remove, Member: member.Member{ID: 3}}, nil))
	l.core.SetFitness(Fitness{})
	l.must(l.core.Propose(someProposal()))
	l.must(l.core.StepForwarded(forwarded(l.core, 2, 2, 10)))
	l.settle()
	if got := l.core.lastIndex(); got != last+3 {
		t.Errorf("the log ends at %d, want %d: a change and two proposals", got, last+3)
	}
}

// A follower that is short of space follows, stores, votes and passes
// proposals on.
func TestFollowerShortOfSpaceFollows(t *testing.T) {
	l := newTrio(t)
	l.core.SetFitness(Fitness{Condition: ShortOfSpace, Space: short})
	last := l.core.lastIndex()
	l.from(2, pb.MsgApp, &pb.Message{
		Term: new(uint64(2)), Index: new(last), LogTerm: new(uint64(1)), Commit: new(last),
		Entries: fromEntries([]storage.Entry{{Index: last + 1, Term: 2}}),
	})
	if got := l.core.lastIndex(); got != last+1 {
		t.Errorf("the log ends at %d, want %d", got, last+1)
	}
	l.out.Messages = nil
	l.must(l.core.Propose(someProposal()))
	l.settle()
	if n := len(l.out.Messages); n != 1 || l.out.Messages[0].To != 2 || l.out.Messages[0].Class != pluginv1.MessageClass_CLASS_PROPOSAL {
		t.Errorf("%d messages %+v, want the proposal on its way to the leader 2", n, l.out.Messages)
	}
	l.from(3, pb.MsgVote, &pb.Message{
		Term: new(uint64(7)), LogTerm: new(uint64(6)), Index: new(last + 9), Context: []byte("CampaignTransfer"),
	})
	if l.core.saved.Vote != 3 {
		t.Error("it does not vote")
	}
}
