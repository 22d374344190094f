package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// checking makes a leader of three members that understand checks, whose state machine has
// a hash of its state.
func checking(t *testing.T) *trio {
	n := newVoters(t, 3, understanding(member.StateHashLevel))
	n.hashes = map[uint64]StateHash{}
	n.core.SetStateHash(StateHash{Name: 1}, true)
	n.elect()
	n.announces(2, member.StateHashLevel)
	n.announces(3, member.StateHashLevel)
	n.settled(2, 3)
	return n
}

// checks is how many checks have come out for apply.
func (n *trio) checks() (count int) {
	for _, a := range n.out.Applies {
		if a.Check {
			count++
		}
	}
	return count
}

// writes has one command committed.
func (n *trio) writes(number uint64) {
	n.t.Helper()
	for _, id := range []uint64{2, 3} { // without their clocks nothing is stamped
		m := &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(n.term)}
		n.core.hear(heard{m, gossip{clock: n.core.clock(), level: n.said[id], hash: n.hashes[id], run: id}})
	}
	n.must(n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: number}, []byte("x"))}))
	n.settled(2, 3)
}

// No check is written while a member runs a build that does not understand it.
func TestNoCheckIsWrittenForAMemberOfAnOlderBuild(t *testing.T) {
	n := newVoters(t, 3, understanding(member.StateHashLevel))
	n.hashes = map[uint64]StateHash{2: {Name: 1}}
	n.core.SetStateHash(StateHash{Name: 1}, true)
	n.elect()
	n.announces(2, member.StateHashLevel)
	n.announces(3, member.StateHashLevel-1)
	n.settled(2, 3)
	n.writes(1)
	n.live(2*checkElections*n.core.cfg.ElectionTicks, 2, 3)
	n.settled(2, 3)
	if got := n.checks(); got != 0 || n.level() != member.StateHashLevel-1 {
		t.Fatalf("%d checks at level %d", got, n.level())
	}
	n.announces(3, member.StateHashLevel)
	n.settled(2, 3)
	if got := n.checks(); got != 1 {
		t.Errorf("%d checks when all understand them", got)
	}
}

// A check is written when a state machine was started or something came out for apply, and
// not more often than once in ten election timeouts. The log of an idle cluster does not grow.
func TestAnIdleClusterIsNotChecked(t *testing.T) {
	n := checking(t)
	interval := checkElections * n.core.cfg.ElectionTicks
	hashed := func() { // by all, at the last check
		h := StateHash{Index: n.core.hashes.check, Name: 1, Value: 7}
		n.core.SetStateHash(h, true)
		n.hashes[2], n.hashes[3] = h, h
	}
	n.live(2*interval, 2, 3)
	n.settled(2, 3)
	hashed()
	n.live(2*interval, 2, 3)
	n.settled(2, 3)
	if got := n.checks(); got != 1 {
		t.Fatalf("%d checks, and the state machines were started once", got)
	}
	n.writes(1)
	if got := n.checks(); got != 2 {
		t.Fatalf("%d checks after a write", got)
	}
	hashed()
	n.writes(2)
	if got := n.checks(); got != 2 {
		t.Errorf("%d checks, soon after the last one", got)
	}
	n.live(interval, 2, 3)
	n.settled(2, 3)
	if got := n.checks(); got != 3 {
		t.Errorf("%d checks after the interval", got)
	}
	hashed()
	last := n.core.lastIndex()
	n.live(3*interval, 2, 3)
	n.settled(2, 3)
	if got := n.core.lastIndex(); got != last {
		t.Errorf("the log has grown from %d to %d, and nothing was written", last, got)
	}
}

// The leader says with heartbeats which hash a majority of the voters has after the last
// check, also if it is not its own. A hash of another check, or of another name, does not count.
func TestAMajorityOfVotersDecides(t *testing.T) {
	for name, x := range map[string]struct {
		own, second, third uint64
		others             StateHash // the rest of the hashes of 2 and 3
		want               uint64
		split              bool
	}{
		"all":                                    {own: 7, second: 7, third: 7, want: 7},
		"the leader and one":                     {own: 7, second: 8, third: 7, want: 7},
		"the others, against the leader":         {own: 7, second: 8, third: 8, want: 8},
		"none":                                   {own: 7, second: 8, third: 9, split: true},
		"the third is late":                      {own: 7, second: 7, third: 0, want: 7},
		"two differ, and the third is late":      {own: 7, second: 8, third: 0, split: true},
		"two have none of this check":            {own: 7, second: 7, third: 7, others: StateHash{Index: 1}},
		"the others have hashes of another name": {own: 7, second: 7, third: 7, others: StateHash{Name: 2}, want: 7},
	} {
		t.Run(name, func(t *testing.T) {
			n := checking(t)
			n.live(checkElections*n.core.cfg.ElectionTicks, 2, 3)
			n.writes(1)
			at := n.core.hashes.check
			if at == 0 {
				t.Fatal("no check came out")
			}
			hash := func(value uint64) StateHash {
				return StateHash{Index: at - x.others.Index, Name: 1 + x.others.Name, Value: value}
			}
			n.core.SetStateHash(StateHash{Index: at, Name: 1, Value: x.own}, true)
			n.hashes[2], n.hashes[3] = hash(x.second), hash(x.third)
			if x.third == 0 {
				n.hashes[3] = StateHash{Name: 1}
			}
			n.settled(2, 3)
			if got := n.core.hashes.agreed; got.Value != x.want {
				t.Errorf("a majority has %+v, want the value %d", got, x.want)
			}
			if got := n.core.hashes.split; (got == at) != x.split {
				t.Errorf("split at %d, check at %d", got, at)
			}
		})
	}
}

// A follower takes the word of its leader alone, and of this term.
func TestAFollowerHearsItsLeader(t *testing.T) {
	n := newVoters(t, 3, understanding(member.StateHashLevel))
	n.term = 2
	n.from(2, pb.MsgHeartbeat, &pb.Message{})
	say := func(from, term uint64, value uint64) {
		m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(from), To: new(uint64(1)), Term: new(term)}
		n.core.hear(heard{m, gossip{hash: StateHash{Index: 5, Name: 1, Value: value}, run: from}})
	}
	say(3, n.term, 3)
	say(2, n.term-1, 4)
	if got := n.core.hashes.agreed; got != (StateHash{}) {
		t.Fatalf("it has taken %+v", got)
	}
	say(2, n.term, 7)
	if got := n.core.hashes.agreed.Value; got != 7 {
		t.Errorf("it has not heard its leader: %d", got)
	}
}

// Hashes of other names say nothing of each other: a plugin is being upgraded.
func TestHashesOfOtherNamesAreNotCompared(t *testing.T) {
	n := checking(t)
	n.live(checkElections*n.core.cfg.ElectionTicks, 2, 3)
	n.writes(1)
	at := n.core.hashes.check
	n.core.SetStateHash(StateHash{Index: at, Name: 1, Value: 7}, true)
	n.hashes[2], n.hashes[3] = StateHash{Index: at, Name: 2, Value: 8}, StateHash{Index: at, Name: 3, Value: 9}
	n.settled(2, 3)
	if h := n.core.hashes; h.split != 0 || h.agreed != (StateHash{}) {
		t.Errorf("split at %d, agreed %+v", h.split, h.agreed)
	}
}

// A check follows the start of a state machine, here or on another member, also if nothing is
// written: it may have kept another state.
func TestACheckFollowsTheStartOfAStateMachine(t *testing.T) {
	n := checking(t)
	interval := checkElections * n.core.cfg.ElectionTicks
	hashed := func() {
		at := n.core.hashes.check
		n.core.SetStateHash(StateHash{Index: at, Name: 1, Value: 7}, true)
		n.hashes[2], n.hashes[3] = StateHash{Index: at, Name: 1, Value: 7}, StateHash{Index: at, Name: 1, Value: 7}
		n.live(2*interval, 2, 3)
		n.settled(2, 3)
	}
	n.live(interval, 2, 3)
	n.settled(2, 3)
	before := n.checks()
	hashed()
	if got := n.checks(); got != before {
		t.Fatalf("%d checks after %d, and nothing happened", got, before)
	}
	n.hashes[3] = StateHash{Name: 1}
	n.settled(2, 3)
	if got := n.checks(); got != before+1 {
		t.Errorf("%d checks after the start on member 3, want %d", got, before+1)
	}
	hashed()
	n.core.SetStateHash(StateHash{Name: 1}, true)
	n.settled(2, 3)
	if got := n.checks(); got != before+2 {
		t.Errorf("%d checks after the own start, want %d", got, before+2)
	}
}

// A leader whose state may be the wrong one gives no snapshot of it, until a majority has
// decided or the member that differs was removed.
func TestALeaderInDoubtGivesNoSnapshot(t *testing.T) {
	n := doubting(t)
	at := n.core.hashes.check
	sends := func() int {
		n.out.Snapshots = nil
		n.core.send(&pb.Message{
			Type: pb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(3)), Term: new(n.term),
			Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: &pb.ConfState{Voters: []uint64{1, 2, 3}}, Index: new(uint64(1)), Term: new(uint64(1))}},
		})
		n.settle()
		return len(n.out.Snapshots)
	}
	if got := sends(); got != 0 {
		t.Fatalf("%d snapshots while the states differ", got)
	}
	n.hashes[3] = StateHash{Index: at, Name: 1, Value: 7}
	n.settled(2, 3)
	if got := sends(); got != 1 {
		t.Errorf("%d snapshots after a majority has decided", got)
	}
}

// doubting makes a leader whose state and that of member 2 differ at the last check, and
// member 3 says nothing.
func doubting(t *testing.T) *trio {
	n := checking(t)
	n.live(checkElections*n.core.cfg.ElectionTicks, 2, 3)
	n.writes(1)
	at := n.core.hashes.check
	n.core.SetStateHash(StateHash{Index: at, Name: 1, Value: 7}, true)
	n.hashes[2], n.hashes[3] = StateHash{Index: at, Name: 1, Value: 8}, StateHash{Name: 1}
	n.settled(2, 3)
	if n.core.hashes.split != at {
		t.Fatalf("split at %d, check at %d", n.core.hashes.split, at)
	}
	return n
}

// sends is how many snapshots a leader gives to a member whose log it cannot go on with, and
// to one that asks for a state.
func (n *trio) sends() (forLog, forState int) {
	n.t.Helper()
	meta := n.saved(n.core.lastIndex())
	for _, id := range n.core.Registry().Voters()[1:] {
		n.ack(id)
	}
	n.out.Snapshots = nil
	n.core.send(&pb.Message{
		Type: pb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(3)), Term: new(n.term),
		Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: &pb.ConfState{Voters: []uint64{1, 2, 3}}, Index: new(meta.Index), Term: new(meta.Term)}},
	})
	n.settle()
	forLog = len(n.out.Snapshots)
	if _, member := n.core.Registry().Member(2); member {
		asked, _ := n.given(1, meta.Index)
		forState = len(asked)
	}
	return forLog, forState
}

// A leader whose state is known or feared to be the wrong one gives no snapshot of it, in
// neither way. What it fears outlasts changes of the membership that leave the two members
// that differ, and its own next reign.
func TestADoubtfulStateIsGivenToNoMember(t *testing.T) {
	for name, x := range map[string]struct {
		become func(*trio)
		gives  bool
	}{
		"states differ": {become: func(*trio) {}},
		"a member is added": {become: func(n *trio) {
			n.hashes[2] = StateHash{Name: 1} // its state machine replays
			n.settled(2, 3)
			n.changes(member.Change{Op: member.Add, Member: learner(4)})
		}},
		"a learner is removed": {become: func(n *trio) {
			n.changes(member.Change{Op: member.Add, Member: learner(4)})
			n.hashes[2] = StateHash{Name: 1}
			n.settled(2, 3)
			n.changes(member.Change{Op: member.Remove, Member: member.Member{ID: 4}})
		}},
		"it is elected again": {become: func(n *trio) {
			n.term++
			n.from(2, pb.MsgHeartbeat, &pb.Message{})
			n.hashes[2] = StateHash{Name: 1}
			n.elect()
		}},
		"another majority": {become: func(n *trio) {
			n.hashes[3] = n.hashes[2]
			n.settled(2, 3)
		}},
		"its state has parted": {become: func(n *trio) {
			n.hashes[2], n.hashes[3] = n.core.hashes.own, n.core.hashes.own
			n.settled(2, 3)
			n.core.SetStateHash(StateHash{Name: 1}, false)
		}},
		"its majority": {gives: true, become: func(n *trio) {
			n.hashes[3] = n.core.hashes.own
			n.settled(2, 3)
		}},
		"the one that differs is removed": {gives: true, become: func(n *trio) {
			n.hashes[2] = StateHash{}
			n.changes(member.Change{Op: member.Remove, Member: member.Member{ID: 2}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := doubting(t)
			x.become(n)
			n.hashes[2] = StateHash{}
			forLog, forState := n.sends()
			if (forLog > 0) != x.gives || !x.gives && forState > 0 {
				t.Errorf("it gives %d snapshots for a log and %d for a state, want some: %t", forLog, forState, x.gives)
			}
		})
	}
}

// A voter that is late decides when it comes to a check after which two others differ, though
// there are later ones by then, at which they differ, too. It may be seen at a later one first.
func TestALateVoterDecides(t *testing.T) {
	for name, passes := range map[string]bool{"at the first": false, "at a later one": true} {
		t.Run(name, func(t *testing.T) {
			n := doubting(t)
			want := StateHash{Index: n.core.hashes.check, Name: 1, Value: 8}
			n.writes(2)
			n.live(checkElections*n.core.cfg.ElectionTicks, 2, 3)
			n.settled(2, 3)
			later := n.core.hashes.check
			if later == want.Index {
				t.Fatal("there is no later check")
			}
			n.core.SetStateHash(StateHash{Index: later, Name: 1, Value: 17}, true)
			n.hashes[2] = StateHash{Index: later, Name: 1, Value: 18}
			n.settled(2, 3)
			if passes {
				want = n.hashes[2]
				n.hashes[3] = StateHash{Index: later - 1, Name: 1, Value: 8}
				n.settled(2, 3)
			}
			if got := n.core.hashes.agreed; got.Index != 0 {
				t.Fatalf("a majority has %+v, and the third has said nothing of these checks", got)
			}
			n.hashes[3] = want
			n.settled(2, 3)
			if got := n.core.hashes.agreed; got != want {
				t.Errorf("a majority has %+v, want %+v", got, want)
			}
		})
	}
}

// changes has a change of the membership applied.
func (n *trio) changes(change member.Change) {
	n.t.Helper()
	n.must(n.core.ProposeChange(RequestID{Origin: 1, Number: n.core.lastIndex()}, change, nil))
	n.settle()
	for _, id := range n.core.Registry().Voters()[1:] {
		n.ack(id)
	}
	n.must(n.core.Tick())
	n.settle()
}

func learner(id member.ID) member.Member {
	m := voter(id)
	m.Learner = true
	return m
}

// A leader does not wait for hashes after the check of another reign: all members may have
// been started since, with a state that they have kept.
func TestTheCheckOfAnotherReignIsNotWaitedFor(t *testing.T) {
	n := checking(t)
	n.live(checkElections*n.core.cfg.ElectionTicks, 2, 3)
	n.settled(2, 3)
	before := n.checks()
	n.term++
	n.from(2, pb.MsgHeartbeat, &pb.Message{})
	n.elect()
	n.settled(2, 3)
	n.writes(2)
	n.live(checkElections*n.core.cfg.ElectionTicks, 2, 3)
	n.settled(2, 3)
	if got := n.checks(); got != before+1 {
		t.Errorf("%d checks, want %d", got, before+1)
	}
}
