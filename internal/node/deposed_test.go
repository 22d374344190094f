package node

import (
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// One message with a later term, whatever it says and whether it reaches the leader or a
// follower, costs no election timeout: a member leads in a later term within a heartbeat,
// the tick after it, and the round trips of an election. A message that poses as a leader at
// the leader itself, or as a candidate without a lease before it, costs the heartbeats besides
// in which its sender could be heard as the leader. The cluster goes on committing.
func TestALaterTermCostsNoElectionTimeout(t *testing.T) {
	const way, tick = 5, 100
	for _, members := range []int{3, 5} {
		for _, kind := range []pb.MessageType{
			pb.MsgAppResp, pb.MsgHeartbeatResp, pb.MsgVoteResp, pb.MsgReadIndexResp, pb.MsgHeartbeat, pb.MsgApp, pb.MsgVote,
		} {
			for _, step := range []uint64{1, termSlack} {
				for _, toLeader := range []bool{true, false} {
					most := 2*tick + 8*way
					if toLeader && (kind == pb.MsgHeartbeat || kind == pb.MsgApp || kind == pb.MsgVote) {
						most += deposedHeartbeats * tick
					}
					t.Run(fmt.Sprintf("%d members, %s, %d terms, to the leader: %t", members, kind, step, toLeader), func(t *testing.T) {
						for seed := range uint64(10) {
							laterTerm(t, 1+seed, way, tick, members, most, toLeader, func(m *pb.Message) {
								m.Type, m.Term = kind.Enum(), new(m.GetTerm()+step)
							})
						}
					})
				}
			}
		}
	}
}

// laterTerm tells a lie in the name of one follower to another member, and waits for the
// leader after it.
func laterTerm(t *testing.T, seed uint64, way, tick, members, most int, toLeader bool, lie func(*pb.Message)) {
	t.Helper()
	d, leader := newReign(t, seed, way, tick, members)
	for range 3 * seed { // somewhere between two heartbeats
		d.next()
	}
	followers := slices.DeleteFunc(slices.Clone(d.nodes), func(n *simNode) bool { return n == leader })
	liar, to := followers[0], followers[1]
	if toLeader {
		to = leader
	}
	before := leader.core.term
	m := &pb.Message{From: new(uint64(liar.id)), To: new(uint64(to.id)), Term: new(before)}
	switch lie(m); m.GetType() {
	case pb.MsgReadIndexResp:
		m.Entries = []*pb.Entry{{Data: make([]byte, 24)}}
	case pb.MsgVote:
		m.LogTerm, m.Index, m.Context = new(before), new(leader.core.lastIndex()), campaignTransfer
	}
	if err := to.core.Step(m); err != nil {
		t.Fatal(err)
	}
	to.collect()
	began := d.now
	again := func() bool { n := d.leader(); return n != nil && n.core.term > before }
	if !d.until(60_000, again) {
		t.Fatalf("seed %d: no member leads within a minute", seed)
	}
	if took := d.now - began; took > most {
		t.Errorf("seed %d: a leader was there after %d ms, not after %d at most", seed, took, most)
	}
	acked := len(d.acked)
	d.leader().propose()
	if !d.until(60_000, func() bool { return len(d.acked) > acked }) {
		t.Errorf("seed %d: nothing is committed within a minute", seed)
	}
}

// A deposed leader asks for votes once: at the next tick, or, if it follows another leader or
// has voted for one to be, when it could have heard that one. It asks for none if it was
// handing over, hears the other leader again, or is unfit.
func TestADeposedLeaderAsksOnce(t *testing.T) {
	const never, late = 0, deposedHeartbeats + 1
	later := func(l *trio, kind pb.MessageType) {
		l.from(2, kind, &pb.Message{Term: new(l.term + 1), LogTerm: new(l.term), Index: new(l.core.lastIndex()), Context: campaignTransfer})
	}
	for _, x := range []struct {
		name   string
		depose func(l *trio)
		after  int // ticks
	}{
		{"an answer in a later term", func(l *trio) { later(l, pb.MsgAppResp) }, 1},
		{"a vote for a candidate that is never heard again", func(l *trio) { later(l, pb.MsgVote) }, late},
		{"a leader that is never heard again", func(l *trio) { later(l, pb.MsgHeartbeat) }, late},
		{"a leader that is heard again", func(l *trio) { later(l, pb.MsgHeartbeat); later(l, pb.MsgHeartbeat) }, never},
		{"a vote, and a word of the leader", func(l *trio) { later(l, pb.MsgVote); later(l, pb.MsgHeartbeat) }, never},
		{"handing over", func(l *trio) {
			l.ack(2)
			l.must(l.core.Transfer(2))
			later(l, pb.MsgAppResp)
		}, never},
		{"unfit", func(l *trio) {
			l.core.SetFitness(Fitness{Condition: MachineDown})
			later(l, pb.MsgAppResp)
		}, never},
	} {
		l := newTrio(t)
		l.elect()
		l.ack(3)
		x.depose(l)
		if l.core.leads() {
			t.Fatalf("%s: it leads on", x.name)
		}
		l.asked()
		var asks []int
		for n := 1; n < l.core.cfg.ElectionTicks; n++ { // raft itself asks later
			if l.tick(1); l.asked() > 0 {
				asks = append(asks, n)
			}
		}
		if want := []int{x.after}; !slices.Equal(asks, want) && (x.after != never || len(asks) > 0) {
			t.Errorf("%s: it asks for votes after %v ticks, not after %v", x.name, asks, want)
		}
	}
}

// A question that the lease of a leader leaves without an answer does not depose the leader,
// and so begins no wait.
func TestAQuestionWithoutAnAnswerDeposesNoLeader(t *testing.T) {
	for _, kind := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		l := newTrio(t)
		l.elect()
		l.ack(3)
		l.from(2, kind, &pb.Message{Term: new(l.term + 1), LogTerm: new(l.term), Index: new(l.core.lastIndex())})
		if !l.core.leads() || l.core.deposed != (deposed{}) {
			t.Errorf("%s: it leads: %t, and waits as one that was deposed: %+v", kind, l.core.leads(), l.core.deposed)
		}
	}
}

// A lease holds against others than the leader whose lease it is.
func TestTheLeaseOfALeaderHoldsAgainstOthers(t *testing.T) {
	for from, grants := range map[uint64]bool{2: true, 3: false} {
		for _, kind := range []pb.MessageType{pb.MsgPreVote, pb.MsgVote} {
			l := newTrio(t)
			l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
			l.from(from, kind, &pb.Message{Term: new(uint64(3)), LogTerm: new(uint64(2)), Index: new(l.core.lastIndex() + 1)})
			if got := l.core.lead == raft.None || len(l.out.Messages) > 1; got != grants {
				t.Errorf("%s of member %d, while member 2 leads: granted: %t", kind, from, got)
			}
		}
	}
}
