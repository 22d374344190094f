package node

import (
	"errors"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// says makes a peer say what it says of itself.
func (n *trio) says(id uint64, c Condition) {
	n.core.hear(heard{&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1))}, gossip{condition: c}})
}

// asked counts the rounds in which the node asked for votes since the last
// call, by its questions to member 2.
func (n *trio) asked() (count int) {
	for _, m := range n.out.Messages {
		if got, err := decode(m.Payload, n.core.limits); err == nil && m.To == 2 && got.GetType() == pb.MsgPreVote {
			count++
		}
	}
	n.out.Messages = nil
	return count
}

// An unfit member leaves elections to others for a while, then it asks for votes
// all the same: an unfit leader is better than none. A fit one asks at once.
func TestUnfitMembersHoldBack(t *testing.T) {
	for _, tc := range []struct {
		condition Condition
		least     int // election timeouts until it asks
	}{{0, 1}, {Refusing, 1}, {ShortOfSpace, 4}, {MachineDown, 4}, {DiskStalled | LogStuck, 4}} {
		l := newTrio(t)
		l.core.SetFitness(Fitness{Condition: tc.condition})
		election, ticks := l.core.cfg.ElectionTicks, 0
		for l.asked() == 0 && ticks < 20*election {
			l.tick(1)
			ticks++
		}
		// Raft's own timeouts are between one and two of the configured ones.
		if ticks < tc.least*election || ticks > 2*tc.least*election {
			t.Errorf("%q: asks for votes after %d ticks, want %d to %d election timeouts of %d", tc.condition, ticks, tc.least, 2*tc.least, election)
		}
		if got := l.core.raft.BasicStatus().GetTerm(); got > 1 {
			t.Errorf("%q: the term is %d without a vote", tc.condition, got)
		}
	}
}

// An unfit member that a voter asks with a shorter log leaves no more elections to
// others: that voter cannot win without it. Questions for terms alone, of a learner, and
// with a log as good as its own change nothing.
func TestUnfitMembersDoNotWaitForAShorterLog(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from     uint64
		kind     pb.MessageType
		shorter  uint64
		terms    bool
		patience bool
	}{
		{name: "shorter", from: 3, kind: pb.MsgPreVote, shorter: 1},
		{name: "shorter, a vote", from: 3, kind: pb.MsgVote, shorter: 1},
		{name: "as long", from: 3, kind: pb.MsgPreVote, patience: true},
		{name: "for terms alone", from: 3, kind: pb.MsgPreVote, terms: true, patience: true},
		{name: "no voter", from: 9, kind: pb.MsgPreVote, shorter: 1, patience: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTrio(t)
			l.core.SetFitness(Fitness{Condition: MachineDown})
			m := &pb.Message{Term: new(uint64(2)), LogTerm: new(uint64(1)), Index: new(l.core.lastIndex() - tc.shorter)}
			if tc.terms {
				m.LogTerm, m.Index = nil, nil
			}
			l.tick(l.core.cfg.ElectionTicks)
			l.from(tc.from, tc.kind, m)
			l.out.Messages = nil
			l.tick(2 * l.core.cfg.ElectionTicks)
			if patience := l.asked() == 0; patience != tc.patience {
				t.Errorf("it leaves elections to others: %t, want %t", patience, tc.patience)
			}
		})
	}
}

// A member that holds back votes for others, and its patience is whole again
// once there is a leader.
func TestUnfitMembersVote(t *testing.T) {
	l := newTrio(t)
	l.core.SetFitness(Fitness{Condition: MachineDown})
	last := l.core.lastIndex()
	l.tick(3 * l.core.cfg.ElectionTicks)
	l.from(3, pb.MsgPreVote, &pb.Message{Term: new(uint64(7)), LogTerm: new(uint64(1)), Index: new(last)})
	l.from(3, pb.MsgVote, &pb.Message{Term: new(uint64(7)), LogTerm: new(uint64(1)), Index: new(last)})
	if l.core.saved.Vote != 3 || l.core.saved.Term != 7 {
		t.Errorf("the vote is for %d in term %d, want 3 in 7", l.core.saved.Vote, l.core.saved.Term)
	}
	l.from(3, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(7)), Commit: new(last)})
	l.tick(1)
	if n := l.core.holdback.elections; n != 0 {
		t.Errorf("%d elections held back under a leader", n)
	}
}

// A member that is asked to take over does, whatever its fitness: the member
// that asks knows.
func TestUnfitMembersTakeOverWhenAsked(t *testing.T) {
	l := newTrio(t)
	l.core.SetFitness(Fitness{Condition: MachineDown})
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.term = 2
	l.from(2, pb.MsgTimeoutNow, &pb.Message{})
	if st := l.core.raft.BasicStatus(); st.RaftState.String() != "StateCandidate" {
		t.Errorf("asked to take over it is %s", st.RaftState)
	}
}

// The only voter leads, whatever its fitness.
func TestTheOnlyVoterDoesNotHoldBack(t *testing.T) {
	core, err := NewCore(tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1,
		State: storage.State{FirstIndex: 1}, Bootstrap: []member.Member{voter(1)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	l := &trio{t: t, core: core}
	core.SetFitness(Fitness{Condition: MachineDown})
	l.settle()
	l.tick(2)
	if !core.leads() {
		t.Error("it does not lead")
	}
}

// Leadership goes to the fittest of those that could take it; from an unfit
// leader only to one that is fitter.
func TestSuccessorIsFit(t *testing.T) {
	l := newTrio(t)
	l.elect()
	for _, tc := range []struct {
		own, two, three   Condition
		successor, fitter member.ID
	}{
		{0, 0, 0, 2, 0},
		{MachineDown, 0, 0, 2, 2},
		{MachineDown, DiskStalled, 0, 3, 3},
		{MachineDown, DiskStalled, ShortOfSpace, 3, 3},
		{MachineDown, DiskStalled, MachineDown, 2, 0},
		{ShortOfSpace, ShortOfSpace, MachineDown, 2, 0},
		{ShortOfSpace, Refusing, MachineDown, 2, 2},
		{Quarantined, Quarantined, MachineDown, 3, 3},
		{Quarantined, Quarantined, Quarantined, 2, 0},
		{MachineDown, Barred, 0, 3, 3},
		{MachineDown, Barred, Barred, 0, 0},
	} {
		l.core.SetFitness(Fitness{Condition: tc.own})
		l.says(2, tc.two)
		l.says(3, tc.three)
		if s, f := l.core.Successor(), l.core.Fitter(); s != tc.successor || f != tc.fitter {
			t.Errorf("own %q, 2 %q, 3 %q: successor %s, fitter %s; want %s and %s", tc.own, tc.two, tc.three, s, f, tc.successor, tc.fitter)
		}
	}
}

// An operator's transfer is not disturbed by the leader's own unfitness.
func TestAnUnfitLeaderLeavesATransferAlone(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.core.SetFitness(Fitness{Condition: MachineDown})
	l.must(l.core.Transfer(3))
	if to := l.core.Fitter(); to != 0 {
		t.Errorf("while leadership goes to 3, %s is asked", to)
	}
}

// A follower whose disk or state machine gets nothing done refuses what its own
// clients propose while it knows a leader, at once, though its appends are full.
// A leader takes proposals as ever.
func TestUnfitMembersRefuseProposals(t *testing.T) {
	l := newTrio(t)
	if err := l.core.checkFitness(); err != nil {
		t.Errorf("a fit member refuses: %v", err)
	}
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	for range l.core.cfg.MaxAppends {
		l.core.appends.push(appendRecord{})
	}
	if l.core.Room() > 0 {
		t.Fatal("appends are not full: the test shows nothing")
	}
	l.core.SetFitness(Fitness{Condition: DiskStalled})
	if err := l.core.Propose(someProposal()); !errors.Is(err, ErrUnfit) || l.core.Room() == 0 {
		t.Errorf("propose: %v, room for %d; want %v at once", err, l.core.Room(), ErrUnfit)
	}
	l.core.SetFitness(Fitness{Condition: ShortOfSpace})
	l.must(l.core.Propose(someProposal()))

	l = newTrio(t)
	l.elect()
	l.core.SetFitness(Fitness{Condition: MachineDown})
	l.must(l.core.Propose(someProposal()))
}

// A quarantined leader takes no proposals, its own or forwarded ones, and refuses them at
// once; so does a quarantined follower of one. Of another leader's follower they are
// refused with the way to that one.
func TestQuarantinedMembersRefuseProposals(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.core.SetFitness(Fitness{Condition: Quarantined | MachineDown})
	if err := l.core.Propose(someProposal()); !errors.Is(err, ErrQuarantined) || l.core.Room() == 0 {
		t.Errorf("a leader: %v, room for %d", err, l.core.Room())
	}
	l = newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.core.SetFitness(Fitness{Condition: Quarantined})
	if err := l.core.Propose(someProposal()); !errors.Is(err, ErrUnfit) {
		t.Errorf("a follower of a leader that is well: %v", err)
	}
	l.core.conditions = map[member.ID]Condition{2: Quarantined}
	if err := l.core.Propose(someProposal()); !errors.Is(err, ErrQuarantined) {
		t.Errorf("a follower of a quarantined leader: %v", err)
	}
}

// A follower that is well passes proposals on while its leader, which takes none, may still
// hand over. After an election timeout it refuses them at once, with the leader's reason. It
// asks the leader for reads all the while, and passes proposals on again when the leader
// takes them.
func TestAFollowerRefusesForALeaderThatTakesNothing(t *testing.T) {
	for condition, want := range map[Condition]error{Quarantined | MachineDown: ErrQuarantined, ShortOfSpace: ErrNoSpace} {
		l := newTrio(t)
		ticks := func(n int, c Condition) {
			for range n {
				l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
				l.says(2, c)
				l.tick(1)
			}
		}
		ticks(l.core.cfg.ElectionTicks, condition)
		if err := l.core.Propose(someProposal()); err != nil {
			t.Errorf("%q: while the leader may hand over: %v", condition, err)
		}
		ticks(2, condition)
		l.core.forwarding.busy = true // the leader has refused the last ones
		if err := l.core.Propose(someProposal()); !errors.Is(err, want) || l.core.Room() == 0 {
			t.Errorf("%q: %v, room for %d; want %v at once", condition, err, l.core.Room(), want)
		}
		l.out.Messages = nil
		l.must(l.core.ReadIndex([]byte("a context of twenty-four")))
		l.settle()
		if len(l.out.Messages) == 0 {
			t.Errorf("%q: the leader is not asked for a read", condition)
		}
		ticks(1, 0)
		if err := l.core.Propose(someProposal()); err != nil {
			t.Errorf("%q: when the leader takes them again: %v", condition, err)
		}
	}
}

// Every reason that makes a member unfit counts when members are compared, and
// what keeps a leader from getting anything done counts for more.
func TestEachConditionThatMakesUnfitCounts(t *testing.T) {
	for _, c := range Unfitting() {
		want := 1
		switch c {
		case DiskStalled, MachineDown:
			want = 2
		case Quarantined:
			want = 3
		}
		if got := c.Unfitness(); got != want {
			t.Errorf("%s: unfit to the degree %d, want %d", c, got, want)
		}
		if got := (c | DiskStalled).Unfitness(); got != max(want, 2) {
			t.Errorf("%s with a stalled disk: %d, want %d", c, got, max(want, 2))
		}
	}
	for _, c := range []Condition{0, Refusing, Barred} {
		if got := c.Unfitness(); got != 0 {
			t.Errorf("%q: unfit to the degree %d", c, got)
		}
	}
}
