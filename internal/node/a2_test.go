package node

import (
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// distance is a sim in which each message takes the same time. Its clock has
// milliseconds, and nothing waits for it.
type distance struct {
	*sim
	now, way, tick int
	members        int   // that found it, those that are missing too
	due            []int // of each message on the wire
	ticks          []int // when the clock of each node ticks next
}

// newDistance is a cluster of founding members on a new sim, of which some are missing.
func newDistance(s *sim, way, tick, members, missing int) *distance {
	d := &distance{sim: s, way: way, tick: tick, members: members}
	var founders []member.Member
	for i := range members {
		founders = append(founders, voter(member.ID(i+1)))
	}
	for _, m := range founders[:members-missing] {
		d.add(m.ID, founders)
		d.ticks = append(d.ticks, tick*int(m.ID)/len(founders)) // clocks tick at different times
	}
	return d
}

// next goes to the moment of the next event and does all of it.
func (d *distance) next() {
	d.wire = append(d.wire[:len(d.due)], slices.DeleteFunc(d.wire[len(d.due):], d.isLost)...)
	for len(d.due) < len(d.wire) {
		d.due = append(d.due, d.now+d.way)
	}
	at := d.ticks[0]
	for _, t := range d.ticks {
		at = min(at, t)
	}
	if len(d.due) > 0 {
		at = min(at, d.due[0])
	}
	d.now = at
	if len(d.due) > 0 && d.due[0] == at {
		d.due = d.due[1:]
		d.deliverFirst()
	}
	for i, n := range d.nodes {
		if d.ticks[i] == at {
			d.ticks[i] += d.tick
			n.check(n.core.Tick())
		}
		for len(n.appends)+len(n.applies) > 0 {
			n.finishAppend(len(n.appends))
			n.finishApply()
		}
	}
}

// isLost tells whether a message that was just sent goes to a member that is missing, or
// from or to the one that is cut off.
func (d *distance) isLost(m simMessage) bool {
	return int(m.to) > len(d.nodes) || d.cut == int(m.from-1) || d.cut == int(m.to-1)
}

// leader is the member that leads a founded cluster; nil if there is none.
func (d *distance) leader() *simNode {
	for _, n := range d.nodes {
		if n.core.leads() && n.core.reigns() && n.core.founded() {
			return n
		}
	}
	return nil
}

// until goes on until the condition holds, or the time is up.
func (d *distance) until(limit int, condition func() bool) bool {
	for end := d.now + limit; !condition(); d.next() {
		if d.now > end {
			return false
		}
	}
	return true
}

// With 300 ms of round trip and an election timeout of 5 s, 1,000 proposals one
// after the other are committed, each within the request timeout of 15 s, by one
// leader in one term.
func TestA2AThousandProposalsOneAfterTheOther(t *testing.T) {
	const proposals, way, tick, requestTimeout = 1000, 150, 500, 15_000
	d := newDistance(newSim(t, 2), way, tick, 3, 0)
	if !d.until(60_000, func() bool { return d.leader() != nil }) {
		t.Fatal("no member leads within a minute")
	}
	leader := d.leader()
	term, began := leader.core.raft.BasicStatus().GetTerm(), d.now
	for i := range proposals {
		before := len(d.acked)
		leader.propose()
		if !d.until(requestTimeout, func() bool { return len(d.acked) > before }) {
			t.Fatalf("proposal %d has no answer within %d ms", i+1, requestTimeout)
		}
		if now := d.leader(); now != leader || leader.core.raft.BasicStatus().GetTerm() != term {
			t.Fatalf("after proposal %d member %s leads no more, or in another term than %d", i+1, leader.id, term)
		}
	}
	if took := d.now - began; took < proposals*2*way {
		t.Errorf("%d proposals took %d ms, less than their round trips: the test shows nothing", proposals, took)
	}
}
