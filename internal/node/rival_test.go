package node

import (
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Two of three members ask for votes in one moment after their leader failed. Each
// refuses the other, and one of them leads after two ticks, not after another election
// timeout: the one with the longer log, or else the one with the smaller id.
func TestASplitVoteIsSettledInTwoTicks(t *testing.T) {
	for _, longer := range []int{-1, 0, 1} {
		t.Run(fmt.Sprintf("longer log: %d", longer), func(t *testing.T) {
			for seed := range uint64(20) {
				splitVote(t, 1+seed, longer)
			}
		})
	}
}

// splitVote gives the survivor with that number a longer log; -1 for neither of them.
func splitVote(t *testing.T, seed uint64, longer int) {
	t.Helper()
	const way, tick, most = 5, 100, 2*100 + 8*5
	d, failed := newReign(t, seed, way, tick, 3)
	rivals := d.survivors(failed)
	expected := rivals[max(longer, 0)]
	if longer >= 0 {
		d.cut = slices.Index(d.nodes, rivals[1-longer])
		failed.propose()
		d.until(5*way, func() bool { return false })
	}
	d.fail(failed)
	campaign(t, rivals, rivals)
	began := d.now
	if !d.until(60_000, func() bool { return d.successor(failed) != nil }) {
		t.Fatalf("seed %d: no member leads within a minute", seed)
	}
	if took := d.now - began; took > most {
		t.Errorf("seed %d: another leader was there after %d ms, not after %d at most", seed, took, most)
	}
	if n := d.successor(failed); n != expected {
		t.Errorf("seed %d: member %s leads, not %s", seed, n.id, expected.id)
	}
}

// Of three or four survivors two or more ask for votes in one moment. A majority may
// refuse some of them, also the first one, and to raft they are followers then; another
// one leads after two ticks all the same.
func TestASplitVoteOfManyIsSettledInTwoTicks(t *testing.T) {
	const way, tick, most = 5, 100, 2*100 + 8*5
	for _, x := range []struct{ members, rivals int }{{4, 2}, {4, 3}, {5, 2}, {5, 3}, {5, 4}} {
		for seed := range uint64(20) {
			d, failed := newReign(t, 1+seed, way, tick, x.members)
			d.fail(failed)
			survivors := d.survivors(failed)
			if seed%2 == 0 { // the others vote for the one that they hear first
				slices.Reverse(survivors)
			}
			campaign(t, survivors, survivors[:x.rivals])
			began := d.now
			if !d.until(60_000, func() bool { return d.successor(failed) != nil }) {
				t.Fatalf("%+v, seed %d: no member leads within a minute", x, seed)
			}
			if took := d.now - began; took > most {
				t.Errorf("%+v, seed %d: another leader was there after %d ms, not after %d at most", x, seed, took, most)
			}
		}
	}
}

// An unfit member that was asked to take over, and has a rival, waits for the votes: its
// next question is one of those that it keeps to itself.
func TestAnUnfitRivalWaitsForItsVotes(t *testing.T) {
	l := newVoters(t, 3)
	l.core.SetFitness(Fitness{Condition: MachineDown})
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2))})
	l.from(2, pb.MsgTimeoutNow, &pb.Message{Term: new(uint64(2))})
	l.from(2, pb.MsgVote, &pb.Message{Term: new(uint64(3)), LogTerm: new(uint64(1)), Index: new(l.core.lastIndex())})
	l.tick(l.core.cfg.HeartbeatTicks + 1)
	if l.core.role != raft.StateCandidate || l.core.term != 3 || l.core.holdback.elections > 0 {
		t.Fatalf("it is %s in term %d, and has left %d elections to others", l.core.role, l.core.term, l.core.holdback.elections)
	}
	l.from(3, pb.MsgVoteResp, &pb.Message{Term: new(uint64(3))})
	if !l.core.leads() {
		t.Error("it does not lead by the votes of a majority")
	}
}

// A leader fails, again and again: there is another one within two election timeouts and
// the two ticks and the round trips that two elections take.
func TestAFailedLeaderHasASuccessorInTime(t *testing.T) {
	const way, tick, electionTicks, failures = 10, 100, 10, 300
	const most = (2*electionTicks+2)*tick + 8*way
	for seed := range uint64(failures) {
		d, failed := newReign(t, 1+seed, way, tick, 3)
		for range seed { // somewhere between two heartbeats
			d.next()
		}
		began := d.now
		d.fail(failed)
		if !d.until(60_000, func() bool { return d.successor(failed) != nil }) {
			t.Fatalf("seed %d: no member leads within a minute", seed)
		}
		if took := d.now - began; took > most {
			t.Errorf("seed %d: another leader was there after %d ms, not after %d at most", seed, took, most)
		}
	}
}

// A peer that says in each term that it is a candidate, with a worse log than this
// node's, makes this node ask for votes at most once more in each election timeout.
func TestARivalThatLiesChangesLittle(t *testing.T) {
	const elections = 10
	l := newVoters(t, 3)
	term := func() uint64 { return l.core.raft.BasicStatus().GetTerm() }
	first := term()
	for range elections * l.core.cfg.ElectionTicks {
		l.must(l.core.Tick())
		l.settle()
		switch l.core.role {
		case raft.StatePreCandidate:
			l.from(2, pb.MsgPreVoteResp, &pb.Message{Term: new(term() + 1)})
		case raft.StateCandidate:
			l.from(2, pb.MsgVote, &pb.Message{Term: new(term())})
		}
	}
	if got := term() - first; got < elections/2 || got > 2*elections {
		t.Errorf("%d terms began within %d election timeouts", got, elections)
	}
}

// newReign is a cluster of which one member leads.
func newReign(t *testing.T, seed uint64, way, tick, members int) (d *distance, leader *simNode) {
	t.Helper()
	d = newDistance(newSim(t, seed), way, tick, members, 0)
	settled := func() bool {
		leader = d.leader()
		return leader != nil && !slices.ContainsFunc(d.nodes, func(n *simNode) bool { return n.core.lastIndex() != leader.core.lastIndex() })
	}
	if !d.until(60_000, settled) {
		t.Fatalf("seed %d: no member leads within a minute", seed)
	}
	return d, leader
}

// fail cuts a member off; messages under way are lost.
func (d *distance) fail(n *simNode) {
	d.cut = slices.Index(d.nodes, n)
	d.wire, d.due = nil, nil
}

// survivors are the members but for that one.
func (d *distance) survivors(failed *simNode) []*simNode {
	return slices.DeleteFunc(slices.Clone(d.nodes), func(n *simNode) bool { return n == failed })
}

// campaign ends the leases of the leader that failed, and has the rivals ask for votes.
func campaign(t *testing.T, survivors, rivals []*simNode) {
	t.Helper()
	for _, n := range survivors {
		for range n.core.cfg.ElectionTicks {
			n.core.raft.Tick()
		}
		if slices.Contains(rivals, n) {
			if err := n.core.raft.Campaign(); err != nil {
				t.Fatal(err)
			}
		}
		n.core.collect()
		n.collect()
	}
}

// successor is another member that leads; nil if there is none.
func (d *distance) successor(failed *simNode) *simNode {
	for _, n := range d.nodes {
		if n != failed && n.core.leads() {
			return n
		}
	}
	return nil
}
