package node

import (
	"errors"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// live lets time pass in which some of the peers answer every heartbeat.
func (n *trio) live(ticks int, alive ...uint64) {
	n.t.Helper()
	for range ticks {
		n.must(n.core.Tick())
		n.settle()
		for _, id := range alive {
			n.announce(id)
			n.from(id, pb.MsgHeartbeatResp, &pb.Message{})
		}
	}
}

func joining(id member.ID) member.Change { return member.Change{Op: member.Add, Member: voter(id)} }

func leaving(id member.ID) member.Change {
	return member.Change{Op: member.Remove, Member: member.Member{ID: id}}
}

func moving(id member.ID) member.Change {
	return member.Change{Op: member.Update, Member: member.Member{ID: id, PeerURLs: []string{"http://elsewhere:1"}}}
}

// A change is refused if the voters that answer would not be a majority after
// it, or are not one before it. The silent ones are named, and so is the way
// out. A repair is never refused.
func TestChangeThatWouldLoseTheQuorumIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		voters int
		alive  []uint64
		change member.Change
		want   error
		says   []string
	}{
		{"a healthy one of three, another is down", 3, []uint64{2}, leaving(2), ErrQuorumAtRisk, []string{"3 (3)", "--force"}},
		{"the one that is down", 3, []uint64{2}, leaving(3), nil, nil},
		{"the leader of three, another is down", 3, []uint64{2}, leaving(1), ErrQuorumAtRisk, []string{"3 (3)"}},
		{"one of three that are all there", 3, []uint64{2, 3}, leaving(3), nil, nil},
		{"one of two that are there", 2, []uint64{2}, leaving(2), nil, nil},
		{"the silent one of two", 2, nil, leaving(2), ErrNoQuorum, []string{"2 (2)", "recover --force-new-cluster"}},
		{"a new one beside a silent one of two", 2, nil, joining(4), ErrNoQuorum, []string{"2 (2)", "recover"}},
		{"a new one while one of three is down", 3, []uint64{2}, joining(4), nil, nil},
		{"a healthy one of five, one is down", 5, []uint64{2, 3, 4}, leaving(2), nil, nil},
		{"a healthy one of five, two are down", 5, []uint64{2, 3}, leaving(2), ErrQuorumAtRisk, []string{"4 (4), 5 (5)"}},
		{"new addresses of the one that is down", 3, []uint64{2}, moving(3), nil, nil},
		{"new addresses of the silent one of two", 2, nil, moving(2), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newVoters(t, tc.voters)
			n.elect()
			n.live(12, tc.alive...)
			if !n.core.leads() {
				t.Fatal("the leader has gone: the test asks too late")
			}
			last := n.core.lastIndex()
			err := n.core.ProposeChange(changeID, tc.change, nil)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			for _, text := range tc.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if err == nil {
				return
			}
			if n.core.lastIndex() != last {
				t.Error("it is in the log")
			}
			n.must(n.core.ForceChange(changeID, tc.change))
			if n.core.lastIndex() != last+1 {
				t.Error("forced, it is not in the log")
			}
		})
	}
}

// Without a leader no member can take a change. If that is because too few
// voters are there, it is said at once, with their names.
func TestChangeWithoutAQuorumIsRefusedByWhoeverIsAsked(t *testing.T) {
	n := newVoters(t, 2)
	n.elect()
	for n.core.leads() {
		n.live(1)
	}
	if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrNotLeader) {
		t.Errorf("while an election may end it: %v", err)
	}
	n.live(21)
	err := n.core.ProposeChange(changeID, leaving(2), nil)
	if !errors.Is(err, ErrNoQuorum) || !strings.Contains(err.Error(), "2 (2)") || !strings.Contains(err.Error(), "recover") {
		t.Errorf("got %v", err)
	}
}

// A new leader has not heard from all members yet. It waits for an election
// timeout before it calls one silent.
func TestNewLeaderDoesNotCallAnybodySilent(t *testing.T) {
	n := newTrio(t)
	n.elect()
	delete(n.core.hearing.last, 3) // its vote was not needed, its answer is on its way
	if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrTooEarly) {
		t.Fatalf("got %v, want %v", err, ErrTooEarly)
	}
	n.from(3, pb.MsgHeartbeatResp, &pb.Message{})
	n.must(n.core.ProposeChange(changeID, leaving(2), nil))
}

// A voter that the change depends on answered a moment ago, and what was sent
// to it since was lost: it may have died. Its next answer decides, or its
// silence.
func TestChangeWaitsForAVoterThatMayBeGone(t *testing.T) {
	for _, comes := range []bool{true, false} {
		n := newTrio(t)
		n.elect()
		n.live(12, 2, 3)
		n.must(n.core.Unreachable(3))
		if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrTooEarly) {
			t.Fatalf("at once: %v", err)
		}
		if comes {
			n.live(1, 2, 3)
			n.must(n.core.ProposeChange(changeID, leaving(2), nil))
			continue
		}
		n.live(11, 2)
		if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrQuorumAtRisk) {
			t.Errorf("when it stays silent: %v", err)
		}
	}
}

// A peer that only talks may hear nothing: it does not count for a quorum that
// is to commit something.
func TestVoterThatOnlyTalksIsSilent(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.live(12, 2)
	n.from(3, pb.MsgPreVote, &pb.Message{Term: new(n.term + 1), LogTerm: new(n.term), Index: new(n.core.lastIndex())})
	if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrQuorumAtRisk) {
		t.Errorf("got %v, want %v", err, ErrQuorumAtRisk)
	}
}

// A leader that has applied nothing of its own term does not know the members:
// a member that its registry does not have may be in the log.
func TestLeaderJudgesChangesAfterItsFirstEntry(t *testing.T) {
	n := newTrio(t)
	for range 100 {
		n.must(n.core.Tick())
		n.settle()
		if n.core.leads() {
			break
		}
		n.term = n.core.raft.BasicStatus().GetTerm()
		n.from(2, pb.MsgPreVoteResp, &pb.Message{Term: new(n.term + 1)})
		n.term = n.core.raft.BasicStatus().GetTerm()
		n.from(2, pb.MsgVoteResp, &pb.Message{})
	}
	for _, c := range []member.Change{leaving(9), leaving(3), joining(2), moving(9)} {
		if err := n.core.ProposeChange(changeID, c, nil); !errors.Is(err, ErrTooEarly) {
			t.Errorf("%s %s: got %v, want %v", c.Op, c.Member.ID, err, ErrTooEarly)
		}
	}
	n.ack(2)
	if err := n.core.ProposeChange(changeID, leaving(9), nil); !errors.Is(err, member.ErrUnknown) {
		t.Errorf("afterwards: %v", err)
	}
}

// Of two voters the leader does not remove itself: the other one would not
// know that this is committed, and could never be elected.
func TestLeaderOfTwoHandsOverBeforeItIsRemoved(t *testing.T) {
	n := newVoters(t, 2)
	n.elect()
	if err := n.core.ProposeChange(changeID, leaving(1), nil); !errors.Is(err, ErrHandingOver) {
		t.Fatalf("got %v, want %v", err, ErrHandingOver)
	}
	n.settle()
	for _, m := range n.out.Messages {
		in, err := decode(m.Payload, n.core.limits)
		n.must(err)
		if in.GetType() == pb.MsgTimeoutNow && m.To == 2 {
			return
		}
	}
	t.Error("the other voter was not told to take over")
}

// Clients have filled what a leader takes without a quorum. A membership
// change, which may be the way out, is taken all the same.
func TestChangeIsTakenWhenTheLeaderIsFull(t *testing.T) {
	n := newTrio(t)
	n.elect()
	full := false
	for i := range 100 {
		err := n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: uint64(i)}, make([]byte, 100))})
		n.settle()
		if full = errors.Is(err, ErrDropped); full {
			break
		}
		n.must(err)
	}
	if !full {
		t.Fatal("the leader is never full")
	}
	n.must(n.core.StepForwarded(forwarded(n.core, 2, 1, 100)))
	n.settle()
	if got := n.saidTo(2); len(got) != 1 || got[0].refusal != busy {
		t.Errorf("a forwarded proposal is answered with %v", got)
	}
	n.must(n.core.ProposeChange(changeID, leaving(3), nil))
	n.settle()
	n.ack(2)
	if _, in := n.core.Registry().Member(3); in {
		t.Error("the change was not applied")
	}
	n.must(n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: 200}, make([]byte, 100))}))
}

// Of two voters the other one is silent: the leader is not removed, forced or
// not, and is told who is missing; it does not begin to hand over to a member
// that is not there, which would stop it from taking proposals.
func TestLeaderOfTwoIsNotHandedOverToASilentOne(t *testing.T) {
	n := newVoters(t, 2)
	n.elect()
	n.live(12)
	if !n.core.leads() {
		t.Fatal("the leader has gone: the test asks too late")
	}
	err := n.core.ProposeChange(changeID, leaving(1), nil)
	if !errors.Is(err, ErrNoQuorum) {
		t.Errorf("got %v, want %v", err, ErrNoQuorum)
	}
	if to := n.core.Transferring(); to != 0 {
		t.Errorf("leadership is being handed to %s, which does not answer", to)
	}
}

// An answer from an earlier term, late on its way, does not show that a peer
// can be reached now.
func TestOldAnswersAreNoSignOfLife(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.live(12, 2)
	err := n.core.ProposeChange(changeID, leaving(2), nil)
	if !errors.Is(err, ErrQuorumAtRisk) {
		t.Fatalf("with 3 silent: %v", err)
	}
	n.from(3, pb.MsgHeartbeatResp, &pb.Message{Term: new(n.term - 1)})
	if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrQuorumAtRisk) {
		t.Errorf("after an answer of an earlier term: %v, want %v", err, ErrQuorumAtRisk)
	}
}

// An operator's transfer to a voter that does not answer is refused: while one
// is under way the leader takes no proposals.
func TestTransferToASilentVoterIsRefused(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.live(12, 2)
	err := n.core.Transfer(3)
	if err == nil || n.core.Transferring() != 0 {
		t.Errorf("got %v, and leadership is being handed to %s", err, n.core.Transferring())
	}
	if err := n.core.Propose([]Proposal{NewProposal(changeID, []byte("x"))}); err != nil {
		t.Errorf("a proposal meanwhile: %v", err)
	}
}

// A removal after which one of two voters is one that must not vote ends the
// cluster: no member could be elected. It is refused like one that is silent.
func TestBarredMemberIsNoPartOfTheQuorum(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.live(12, 2, 3)
	barred := newTrio(t).core
	if err := barred.Bar(true); err != nil {
		t.Fatal(err)
	}
	answer := heartbeatFrom(2)
	answer.Type = pb.MsgHeartbeatResp.Enum()
	n.core.hear(heard{answer, barred.gossip(answer)})
	if err := n.core.ProposeChange(changeID, leaving(1), nil); !errors.Is(err, ErrQuorumAtRisk) {
		t.Errorf("member 3 is to be elected by 2, which votes for nobody: %v, want %v", err, ErrQuorumAtRisk)
	}
}

// A voter that answers heartbeats and acknowledges nothing, because its disk stands
// still or what is large does not reach it, commits nothing: without the member that
// is to go the others would write nothing more. The voter itself can be removed.
func TestAVoterThatGetsNowhereIsNoPartOfTheQuorum(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change member.Change
		want   error
	}{
		{"the healthy one", leaving(2), ErrQuorumAtRisk},
		{"the leader", leaving(1), ErrQuorumAtRisk},
		{"new addresses of the healthy one", moving(2), ErrQuorumAtRisk},
		{"the one that gets nowhere", leaving(3), nil},
		{"a new one", joining(4), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newTrio(t)
			n.elect()
			n.ack(3)
			n.must(n.core.Propose(someProposal()))
			n.settle()
			n.ack(2)
			n.live(2*n.core.cfg.ElectionTicks, 2, 3)
			err := n.core.ProposeChange(changeID, tc.change, nil)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), "3 (3): it answers, but does not acknowledge") {
				t.Errorf("%q does not say why 3 does not count", err)
			}
			if err == nil || tc.change.Op != member.Remove {
				return
			}
			n.ack(3)
			n.live(1, 2, 3)
			n.must(n.core.ProposeChange(changeID, tc.change, nil))
		})
	}
}

// A voter that waits for a snapshot has nothing of what is to be committed until the
// snapshot has arrived, which may take hours.
func TestAVoterThatIsSentASnapshotIsNoPartOfTheQuorum(t *testing.T) {
	n := newTrio(t)
	n.electBy(2, func() {})
	n.saved(n.core.lastIndex())
	n.core.Compacted(n.core.lastIndex() + 1)
	n.from(3, pb.MsgAppResp, &pb.Message{Reject: new(true), Index: new(n.core.lastIndex() - 1), RejectHint: new(uint64(0))})
	n.live(2*n.core.cfg.ElectionTicks, 2, 3)
	if got := n.core.progressOf(3).State.String(); got != "StateSnapshot" {
		t.Fatalf("3 is in %s: the test does not show what it should", got)
	}
	if err := n.core.ProposeChange(changeID, leaving(2), nil); !errors.Is(err, ErrQuorumAtRisk) || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("got %v, want %v and that 3 is sent a snapshot", err, ErrQuorumAtRisk)
	}
}
