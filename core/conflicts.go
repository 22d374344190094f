package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// conflict is why a peer and this member have no connection.
type conflict struct {
	peer    member.ID
	reason  transport.MismatchReason
	refused bool   // the peer's word about this member, not the other way round
	detail  string // what does not fit, in the transport's words
}

// conflictAge is how long a conflict counts after it was last seen, in election
// timeouts: both sides try again much more often.
const conflictAge = 30

// maxConflicts bounds what strangers can make a member remember.
const maxConflicts = 256

// mismatch takes that a peer's greeting and this member's do not fit. Each of the
// two may say so, for reasons of its own.
func (i *identity) mismatch(c conflict) {
	i.mu.Lock()
	last, known := i.conflicts[c]
	if known || len(i.conflicts) < maxConflicts {
		i.conflicts[c] = time.Now()
	}
	delete(i.met, c.peer)
	for c, seen := range maps.All(i.conflicts) {
		if i.old(seen) {
			delete(i.conflicts, c) // a peer may show ever new stores
		}
	}
	i.mu.Unlock()
	if !known || i.old(last) {
		i.h.logger.Error("no connection with a peer", "peer", c.peer, "error", c.sentence())
	}
	i.judge()
}

// sentence says what does not fit, and the way out.
func (c conflict) sentence() string {
	switch {
	case c.reason == transport.MismatchStore && c.refused:
		return c.detail + ". " + ErrLostData.Error()
	case c.reason == transport.MismatchStore:
		return c.detail + ". Remove that member from the cluster and add it under a new id"
	case c.reason == transport.MismatchNumber:
		return c.detail + ". Stop the one that is wrong"
	}
	return c.detail + ". cluster.members or cluster.state differ"
}

// conflictWith is the sentence about a peer for its row in status; empty if
// there is no conflict.
func (i *identity) conflictWith(id member.ID) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var worst conflict
	for c, seen := range maps.All(i.conflicts) {
		if c.peer == id && !i.old(seen) && (worst.peer == 0 || c.weight() > worst.weight()) {
			worst = c
		}
	}
	if worst.peer == 0 {
		return ""
	}
	return worst.sentence()
}

// weight orders the conflicts with one peer: what is said of this member first,
// then what is the closest to a cause.
func (c conflict) weight() int {
	w := -int(c.reason)
	if c.refused && c.reason == transport.MismatchStore {
		w += 10
	}
	return w
}

func (i *identity) old(seen time.Time) bool { return time.Since(seen) > conflictAge*i.h.cfg.Election }

// verdict is what the conflicts say of this member itself.
type verdict struct {
	err error
	bar bool // it must not vote or lead
	end bool
}

// judge acts on what the conflicts say of this member.
func (i *identity) judge() {
	i.mu.Lock()
	peers, agreeing := i.peers(), 0
	for id := range peers {
		if i.met[id] {
			agreeing++
		}
	}
	v := judge(i.self, i.fresh(), agreeing, len(peers))
	before := i.last
	i.last = v
	i.mu.Unlock()
	i.h.server.SetConflict(v.err)
	if g := i.h.current(); g != nil && before.bar != v.bar {
		g.node.Do(func(c *node.Core) error { return c.Bar(v.bar) })
	}
	if v.end {
		i.end(v.err)
	}
}

// fresh are the conflicts that were seen lately, but those with members that were
// removed: what they say is of the past, as after a recovery. It needs i.mu.
func (i *identity) fresh() []conflict {
	var fresh []conflict
	for c, seen := range maps.All(i.conflicts) {
		if _, removed := i.registry.WasRemoved(c.peer); !removed && !i.old(seen) {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// judge decides from the peers' greetings. One peer's word ends nothing: those
// that say so must be half of the others at least, and more than those that
// this member has a connection with. While as many say so as there are
// connections, this member neither votes nor leads nor serves: of two halves,
// neither knows whose history is the right one.
func judge(self transport.Greeting, conflicts []conflict, agreeing, others int) verdict {
	var strangers, accusers []string
	for _, c := range conflicts {
		switch id := c.peer.String(); {
		case c.reason != transport.MismatchStore && !slices.Contains(strangers, id):
			strangers = append(strangers, id)
		case c.reason == transport.MismatchStore && c.refused && !slices.Contains(accusers, id):
			accusers = append(accusers, id)
		}
	}
	slices.Sort(strangers)
	slices.Sort(accusers)
	most := func(n int) bool { return n > 0 && 2*n >= others && n > agreeing }
	switch {
	case len(accusers) > 0 && len(accusers) >= agreeing:
		err := fmt.Errorf("%w: members %s know it by another store than %x", ErrLostData, strings.Join(accusers, ", "), self.Store)
		return verdict{err: err, bar: true, end: most(len(accusers))}
	case most(len(strangers)) && self.Number == 0:
		return verdict{err: fmt.Errorf("%w (members %s)", ErrOtherCluster, strings.Join(strangers, ", ")), bar: true, end: true}
	case most(len(strangers)) && len(strangers) > agreeing+1: // this member counts for its own cluster
		return verdict{err: fmt.Errorf("members %s belong to another cluster under the same id than this member (number %x): stop the wrong one",
			strings.Join(strangers, ", "), self.Number)}
	}
	return verdict{}
}
