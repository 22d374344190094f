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
	d, failed := newReign(t, seed, way, tick)
	var rivals []*simNode
	for _, n := range d.nodes {
		if n != failed {
			rivals = append(rivals, n)
		}
	}
	expected := rivals[max(longer, 0)]
	if longer >= 0 {
		d.cut = slices.Index(d.nodes, rivals[1-longer])
		failed.propose()
		d.until(5*way, func() bool { return false })
	}
	d.fail(failed)
	for _, n := range rivals {
		for range n.core.cfg.ElectionTicks { // the lease of the leader that failed ends
			n.core.raft.Tick()
		}
		if err := n.core.raft.Campaign(); err != nil {
			t.Fatal(err)
		}
		n.core.collect()
		n.collect()
	}
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

// A leader fails, again and again: there is another one within two election timeouts and
// the two ticks and the round trips that two elections take.
func TestAFailedLeaderHasASuccessorInTime(t *testing.T) {
	const way, tick, electionTicks, failures = 10, 100, 10, 300
	const most = (2*electionTicks+2)*tick + 8*way
	for seed := range uint64(failures) {
		d, failed := newReign(t, 1+seed, way, tick)
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

// newReign is a cluster of three members of which one leads.
func newReign(t *testing.T, seed uint64, way, tick int) (d *distance, leader *simNode) {
	t.Helper()
	d = newDistance(newSim(t, seed), way, tick, 3, 0)
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

// successor is another member that leads; nil if there is none.
func (d *distance) successor(failed *simNode) *simNode {
	for _, n := range d.nodes {
		if n != failed && n.core.leads() {
			return n
		}
	}
	return nil
}
