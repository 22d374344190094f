package node

import "testing"

// A leader's refusal is known at the follower that has forwarded the batch one round
// trip later, whatever the clocks do.
func TestARefusalTakesOneRoundTrip(t *testing.T) {
	const way, tick = 150, 500
	d := newDistance(newSim(t, 2), way, tick, 3, 0)
	if !d.until(60_000, func() bool { return d.leader() != nil }) {
		t.Fatal("no member leads within a minute")
	}
	leader := d.leader()
	follower := d.nodes[leader.id%3]
	if !d.until(60_000, func() bool { return follower.core.lead == uint64(leader.id) }) {
		t.Fatal("the follower knows no leader")
	}
	leader.core.SetFitness(Fitness{Space: short})
	before, began := len(d.dropped), d.now
	follower.propose()
	if !d.until(2*way, func() bool { return len(d.dropped) > before }) {
		t.Fatalf("the follower knows of no refusal after %d ms", d.now-began)
	}
	if took := d.now - began; took != 2*way {
		t.Errorf("the refusal took %d ms, a round trip takes %d", took, 2*way)
	}
}
