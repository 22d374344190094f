package core

import (
	"maps"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// conflict is why a peer and this member have no connection.
type conflict struct {
	peer    member.ID
	reason  transport.MismatchReason
	refused bool   // the peer's word about this member, not the other way round
	detail  string // what does not fit, in the transport's words
	says    transport.Greeting
}

// kind is what two conflicts have in common that say the same, whatever numbers
// they show.
func (c conflict) kind() conflict {
	c.detail, c.says = "", transport.Greeting{}
	return c
}

// sighting is the last time that a conflict was seen.
type sighting struct {
	detail string
	says   transport.Greeting
	at     time.Time
	told   bool // the log has it
}

// conflictAge is how long a conflict counts after it was last seen, in election
// timeouts: both sides try again much more often.
const conflictAge = 30

// The log has a conflict with a member once in conflictAgain, of mostConflictsTold at most.
const (
	conflictAgain     = 10 * time.Second
	mostConflictsTold = 256
)

// maxStrangeConflicts bounds what callers that are not members can make a
// member remember. Members have room of their own: a few conflicts each.
const maxStrangeConflicts = 16

// mismatch takes that a peer's greeting and this member's do not fit. Each of the
// two may say so, for reasons of its own.
func (i *identity) mismatch(c conflict) {
	i.mu.Lock()
	fresh := i.see(c)
	i.mu.Unlock()
	if !i.connected(c.peer) { // another one may have called under its id
		i.left(c.peer)
	}
	if fresh {
		i.h.logger.Error("no connection with a peer", "peer", c.peer, "error", c.sentence())
	}
	i.judge()
}

// see notes a conflict and tells whether it is to be logged: it was not seen
// lately, and the log is not being filled by strangers. It needs i.mu.
func (i *identity) see(c conflict) bool {
	others, strangers, oldest := i.others(), 0, conflict{}
	for kind, seen := range maps.All(i.conflicts) {
		if i.past(kind, seen) {
			delete(i.conflicts, kind)
			continue
		}
		if _, in := others[kind.peer]; !in {
			if strangers++; strangers == 1 || seen.at.Before(i.conflicts[oldest].at) {
				oldest = kind
			}
		}
	}
	before, known := i.conflicts[c.kind()]
	_, in := others[c.peer]
	if !known && !in && strangers >= maxStrangeConflicts {
		delete(i.conflicts, oldest)
	}
	fresh := !known && i.roomToTell(c.kind(), in)
	i.conflicts[c.kind()] = sighting{c.detail, c.says, time.Now(), fresh || before.told}
	return fresh
}

// roomToTell tells whether the log may have another line about a peer: few of
// strangers, however often they come back with something that fits in between. It
// needs i.mu.
func (i *identity) roomToTell(kind conflict, in bool) bool {
	book := i.strange
	if in {
		book = i.told
	}
	_, due := book.Note(kind, time.Now())
	return due
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
		if c.peer == id && !i.past(c, seen) && (worst.peer == 0 || c.weight() > worst.weight()) {
			worst = c
			worst.detail = seen.detail
		}
	}
	if worst.peer == 0 {
		return ""
	}
	return worst.sentence()
}

// weight orders the conflicts with one peer: those about this member first,
// then those that are closest to a cause.
func (c conflict) weight() int {
	w := -int(c.reason)
	if c.refused && c.reason == transport.MismatchStore {
		w += 10
	}
	return w
}

func (i *identity) old(seen time.Time) bool { return time.Since(seen) > conflictAge*i.h.cfg.Election }
