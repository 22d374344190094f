package node

import (
	"fmt"
	"slices"
	"testing"
)

// A4: one, two and three new members, one of three missing, have a leader within one
// election timeout after they are connected, at the default timings and at the longest
// timeout there is. Two may ask for votes in one moment, and then it takes another
// timeout: so it is for most clusters.
func TestA4TheFirstElectionAtTheEndsOfTheScale(t *testing.T) {
	const tick, way, late, clusters = 100, 10, 200, 15
	for _, electionTicks := range []int{10, 500} {
		for _, x := range []struct{ members, missing int }{{1, 0}, {2, 0}, {3, 0}, {3, 1}} {
			t.Run(fmt.Sprintf("%d members, %d missing, election of %d ms", x.members, x.missing, electionTicks*tick), func(t *testing.T) {
				var took []int
				for i := range clusters {
					s := newSim(t, uint64(electionTicks+i))
					s.election = electionTicks
					took = append(took, newDistance(s, way, tick, x.members, x.missing).firstElection(3*electionTicks*tick))
				}
				slices.Sort(took)
				if took[clusters*2/3] > electionTicks*tick+late {
					t.Errorf("the first leaders were there after %v ms", took)
				}
			})
		}
	}
}

// firstElection connects all members with each other once they know who the members
// are, and returns how long it takes from the start until one leads.
func (d *distance) firstElection(limit int) int {
	d.t.Helper()
	if !d.until(limit, func() bool {
		return !slices.ContainsFunc(d.nodes, func(n *simNode) bool { return n.core.registry.Len() < d.members })
	}) {
		d.t.Fatal("a member never learns who the members are")
	}
	for _, n := range d.nodes {
		for _, other := range d.nodes {
			if other != n {
				n.check(n.core.Met(other.id))
			}
		}
	}
	if !d.until(limit, func() bool { return d.leader() != nil }) {
		d.t.Fatalf("no member leads after %d ms", limit)
	}
	return d.now
}
