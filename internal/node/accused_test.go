package node

import (
	"errors"
	"math"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// led is what a heartbeat to node 1 says.
type led struct {
	from, term, commit, acknowledged, run uint64
	doubled                               bool
}

// takes steps a heartbeat as a Node does.
func (n *trio) takes(l led) error {
	n.t.Helper()
	m := &pb.Message{
		Type: pb.MsgHeartbeat.Enum(), From: new(l.from), To: new(uint64(1)), Term: new(l.term), Commit: new(l.commit),
	}
	n.core.hear(heard{m, gossip{acknowledged: l.acknowledged, run: l.run, doubled: l.doubled}})
	err := n.core.Step(m)
	n.settle()
	return err
}

// follow makes node 1 follow node 2 in term 5.
func (n *trio) follow() led {
	n.t.Helper()
	well := led{from: 2, term: 5, run: 22}
	n.must(n.takes(well))
	return well
}

// losses are words that node 1 does not have what a leader counts on.
func losses(n *trio, from uint64) map[string]led {
	return map[string]led{
		"an entry beyond the end":           {from: from, term: 6, acknowledged: n.core.lastIndex() + 1},
		"the greatest number":               {from: from, term: 6, acknowledged: math.MaxUint64},
		"an entry in a term never lived in": {from: from, term: 6, acknowledged: 1},
		"a committed entry":                 {from: from, term: 6, commit: n.core.lastIndex() + 1},
	}
}

// A loss is for good: the host ends, and so does every later start. The wrong
// word of one peer, which is not said again, costs the member no more than a few
// elections' time: its leader is there all along.
func TestOneWordOfALossEndsNobody(t *testing.T) {
	for name, word := range losses(newTrio(t), 3) {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			well := n.follow()
			if n.takes(word) == nil {
				t.Error("the word is taken like any other")
			}
			for range (trustedElections + 1) * n.core.cfg.ElectionTicks {
				n.must(n.core.Tick())
				_ = n.takes(well)
			}
			if n.core.lost != nil || n.core.isBarred() || n.takes(well) != nil {
				t.Errorf("lost %v, barred %t", n.core.lost, n.core.isBarred())
			}
		})
	}
}

// Nor does it when it is said again and again, while another leader is heard:
// meanwhile the member neither votes nor acknowledges anything.
func TestAWordOfALossIsNoProofBesideAnotherLeader(t *testing.T) {
	for name, word := range losses(newTrio(t), 3) {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			well := n.follow()
			for range 5 * n.core.cfg.ElectionTicks {
				n.must(n.core.Tick())
				_, _ = n.takes(word), n.takes(well)
				if !n.core.isBarred() {
					t.Fatal("it votes, and has perhaps lost votes")
				}
			}
			if n.core.lost != nil {
				t.Errorf("two say that they lead, and it believes %v", n.core.lost)
			}
		})
	}
}

// A leader without a rival, which says so for an election timeout, is
// believed. Before that the member is barred from the first word on.
func TestALossIsBelievedOfALeaderWithoutRival(t *testing.T) {
	for name, word := range losses(newTrio(t), 2) {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			for tick := 0; n.core.lost == nil; tick++ {
				if tick > 2*n.core.cfg.ElectionTicks {
					t.Fatal("it does not believe it")
				}
				n.must(n.core.Tick())
				n.out = Output{}
				if n.takes(word) == nil || !n.core.isBarred() {
					t.Fatal("it follows, or votes")
				}
			}
			if !errors.Is(n.core.lost, ErrLostData) || !n.out.StateChanged {
				t.Errorf("it believes %v; the host is told: %t", n.core.lost, n.out.StateChanged)
			}
			for range 20 * n.core.cfg.ElectionTicks {
				n.must(n.core.Tick())
			}
			if !n.core.isBarred() {
				t.Error("it votes after a loss")
			}
		})
	}
}

// Two processes serve the member, and the leader's heartbeats reach this one seldom, for
// the other one has the connections: it ends all the same. It answers nothing while it is
// in doubt, so no other member could say that they are two. Words that count no
// longer, those of several peers, and those that a leader denies between them prove nothing.
func TestALossIsBelievedThoughItsWordsComeSeldom(t *testing.T) {
	const repeated = 4
	for name, c := range map[string]struct {
		pause   int // in election timeouts
		between func(n *trio)
		ends    bool
	}{
		"one in a few election timeouts":     {pause: 12, ends: true},
		"as seldom as a word counts":         {pause: accusedElections - 1, ends: true},
		"after the last one has ended":       {pause: accusedElections + 1},
		"the accuser says otherwise between": {pause: 12, between: func(n *trio) { _ = n.takes(led{from: 2, term: 6}) }},
		"another leader is heard between":    {pause: 12, between: func(n *trio) { _ = n.takes(led{from: 3, term: 7}) }},
		"another one says the same between":  {pause: 12, between: func(n *trio) { _ = n.takes(led{from: 3, term: 6, commit: 1 << 40}) }},
		"another leader's appends come between": {pause: 12, between: func(n *trio) {
			_ = n.core.Step(&pb.Message{Type: pb.MsgApp.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(uint64(7))})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			for range repeated {
				if n.takes(led{from: 2, term: 6, commit: 1 << 40}) == nil || !n.core.isBarred() {
					t.Fatal("it follows, or votes")
				}
				n.ticks(c.pause * n.core.cfg.ElectionTicks / 2)
				if c.between != nil {
					c.between(n)
				}
				n.ticks(c.pause*n.core.cfg.ElectionTicks - c.pause*n.core.cfg.ElectionTicks/2)
			}
			if ended := errors.Is(n.core.lost, ErrLostData); ended != c.ends {
				t.Errorf("it believes %v", n.core.lost)
			}
		})
	}
}

// A member that has heard a leader does not doubt itself because of what callers,
// learners and removed members say: they do not lead.
func TestOnlyVotersSayThatDataAreLost(t *testing.T) {
	for name, from := range map[string]uint64{"a caller": 1 << 40, "a learner": 4} {
		for what, word := range losses(newTrio(t), from) {
			t.Run(name+", "+what, func(t *testing.T) {
				n := newTrio(t)
				learner := voter(4)
				learner.Learner = true
				grown, err := n.core.registry.Apply(member.Change{Op: member.Add, Member: learner}, 10, 1)
				n.must(err)
				n.core.registry = grown
				n.follow()
				_ = n.takes(word)
				if n.core.lost != nil || n.core.isBarred() {
					t.Errorf("lost %v, barred %t", n.core.lost, n.core.isBarred())
				}
			})
		}
	}
}

// The accuser itself is the first to know better: it says otherwise before it
// misses this member's answers. A cluster of two would be without a leader else.
func TestAnAccuserTakesItsWordBack(t *testing.T) {
	for name, word := range losses(newTrio(t), 2) {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			well := n.follow()
			_ = n.takes(word)
			for range n.core.cfg.ElectionTicks - 1 {
				n.must(n.core.Tick())
				_ = n.takes(well)
			}
			if n.core.isBarred() || n.takes(well) != nil {
				t.Error("it goes by a word that was taken back")
			}
		})
	}
}

// If no member is elected, the members that were accused may be those that are
// missing: a word that is not repeated is not the end of all elections.
func TestAnOldWordOfALossStopsNoElection(t *testing.T) {
	n := newTrio(t)
	n.follow()
	_ = n.takes(led{from: 3, term: 6, acknowledged: 1 << 40})
	n.ticks(accusedElections * n.core.cfg.ElectionTicks)
	if !n.core.isBarred() {
		t.Error("it votes early")
	}
	n.ticks(1)
	n.elect()
}

// A message for another member is not heard.
func TestWhatIsForAnotherMemberIsNotHeard(t *testing.T) {
	n := newTrio(t)
	for range 3 * n.core.cfg.ElectionTicks {
		n.must(n.core.Tick())
		m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(3)), Term: new(uint64(5))}
		n.core.hear(heard{m, gossip{acknowledged: 1 << 40, doubled: true, condition: Barred}})
		_ = n.core.Step(m)
	}
	if n.core.isBarred() || n.core.conditions[2] != 0 {
		t.Errorf("barred %t, of member 2 %q", n.core.isBarred(), n.core.conditions[2])
	}
}

// Only the leader knows how old the leader's entries are.
func TestOnlyTheLeaderSaysHowOldItsEntriesAre(t *testing.T) {
	n := newTrio(t)
	n.follow()
	m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(uint64(5))}
	n.core.hear(heard{m, gossip{uncommitted: math.MaxUint64}})
	if got := n.core.leaderStalled; got != 0 {
		t.Errorf("%d ticks, by the word of a follower", got)
	}
}

// Messages that were taken in are not kept in memory until as many come again.
func TestTheMailboxKeepsNothing(t *testing.T) {
	b := newMailbox()
	b.put(func(in *inputs) {
		in.add(&pb.Message{Type: pb.MsgVote.Enum(), Context: make([]byte, 1<<20)}, gossip{}, 1<<20)
	})
	in := b.take(inputs{})
	spare := in.empty()
	if h := spare.heard[:1]; h[0].message != nil {
		t.Error("the message is held by what came with it")
	}
}

// stateTold takes what a host is told of the node's state.
type stateTold struct {
	nowhere
	last *State
}

func (s stateTold) StateChanged(st State) { *s.last = st }

// The host hears of a loss, though nothing else changes: without writes there may
// be no other occasion for days.
func TestTheHostHearsOfALoss(t *testing.T) {
	l := newTrio(t)
	told := &State{}
	n := New(l.core, stateTold{last: told})
	for range 3 * l.core.cfg.ElectionTicks {
		m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(6)), Commit: new(uint64(0))}
		l.must(n.takeIn(&inputs{messages: []*pb.Message{m}, heard: []heard{{m, gossip{acknowledged: 1 << 40}}}}, true))
		n.dispatch()
	}
	if !errors.Is(told.LostData, ErrLostData) {
		t.Errorf("it was told of %v", told.LostData)
	}
}
