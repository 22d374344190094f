// Package vouching decides which callers a transport hears that prove who they are:
// members. The signer of certificates may have signed those of others too.
//
// A node may be the last to hear of a member, and must not refuse that one for
// good: it may be needed for an election. So of a caller that it does not know
// it asks its peers, which changes nothing anywhere, and hears the caller for a
// while once one of them knows it as a member. If none of them has answered for
// long they may all be replaced, by the caller among others: it is heard then.
package vouching

import (
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
)

// maxCallers bounds the unknown callers that are remembered.
const maxCallers = 64

// keep is for how many times its quiet a desk believes what a peer said.
const keep = 10

// A Desk knows who the members are, and what was heard of other callers. All
// methods may be called at any time by anyone.
type Desk struct {
	quiet time.Duration // between two questions about one caller

	mu      sync.Mutex
	joining bool
	members map[uint64]bool
	callers map[uint64]caller
}

// caller is one that is not a member, as far as this node knows: when peers were
// asked about it last, since when none of them answers, and until when it is
// heard.
type caller struct{ asked, alone, until time.Time }

// An Answer is what came of asking all peers about a caller.
type Answer int

// Answers.
const (
	// Unanswered: no peer has answered.
	Unanswered Answer = iota
	// Unknown: no peer that answered knows the caller as a member.
	Unknown
	// Member: a peer, which proved who it is, knows it as one.
	Member
)

// Ask asks all peers at the same time, and returns the best of their answers:
// Unanswered if there are none.
func Ask[P any](peers map[uint64]P, vouches func(P) Answer) Answer {
	answers := make(chan Answer, len(peers))
	for _, p := range peers {
		go func() { answers <- vouches(p) }()
	}
	best := Unanswered
	for range peers {
		best = max(best, <-answers)
	}
	return best
}

// New returns a desk that asks about a caller once in quiet at most: the host's
// election timeout. Until Set is called it knows no member and admits every
// caller.
func New(quiet time.Duration) *Desk {
	return &Desk{quiet: quiet, joining: true, callers: map[uint64]caller{}}
}

// Set takes who the members are.
func (d *Desk) Set(set transport.PeerSet) {
	members := roster.Members(set)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.joining, d.members = set.Joining, members
	for id := range d.callers {
		if members[id] {
			delete(d.callers, id)
		}
	}
}

// Admits tells whether a caller is heard. If not, ask tells whether peers are to
// be asked about it now; their answers go to Told.
func (d *Desk) Admits(id uint64) (heard, ask bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.joining || d.members[id] {
		return true, false
	}
	now := time.Now()
	c, known := d.callers[id]
	if ask = now.Sub(c.asked) >= d.quiet && (known || d.makeRoom(now)); ask {
		c.asked = now
		d.callers[id] = c
	}
	return now.Before(c.until), ask
}

// makeRoom forgets a caller of whom nothing is believed, and that was not asked
// about lately, if there are too many. It needs d.mu.
func (d *Desk) makeRoom(now time.Time) bool {
	if len(d.callers) < maxCallers {
		return true
	}
	for id, c := range d.callers {
		if now.After(c.until) && now.Sub(c.asked) >= d.quiet {
			delete(d.callers, id)
			return true
		}
	}
	return false
}

// Told takes what the peers have said of a caller.
func (d *Desk) Told(id uint64, a Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, known := d.callers[id]
	if !known {
		return
	}
	now := time.Now()
	switch {
	case a == Member:
		c.alone, c.until = time.Time{}, now.Add(keep*d.quiet)
	case a == Unknown || len(d.members) == 0:
		c.alone, c.until = time.Time{}, time.Time{}
	case c.alone.IsZero():
		c.alone = now
	case now.Sub(c.alone) >= keep*d.quiet:
		c.until = now.Add(keep * d.quiet)
	}
	d.callers[id] = c
}

// Vouches answers the question of a peer about a caller: whether it is a member,
// by this node's own knowledge. A node that is not a member itself knows of none.
func (d *Desk) Vouches(id uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.joining && d.members[id]
}

// Stands reports whether a caller that was heard may stay connected.
func (d *Desk) Stands(id uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.joining || d.members[id] || time.Now().Before(d.callers[id].until)
}
