package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

var (
	// ErrTooMany: the leader has admitted as many proposals as it may.
	// Ports.Rejected gives it, with ErrByLeader. The proposal has no effect.
	ErrTooMany = errors.New("the leader has too many proposals pending")
	// ErrLeaderLost: its leader has lost its office, and an entry of a later term has
	// come out for apply without it. Ports.Rejected gives it then. The proposal has
	// no effect.
	ErrLeaderLost = errors.New("the leader was lost before it was committed")
	// ErrByLeader goes with ErrNoSpace and ErrTooMany if the leader has
	// refused a proposal, and not this node.
	ErrByLeader = errors.New("the leader has refused it")
)

// forwarding has the batches that a member has on their way to a leader.
type forwarding struct {
	to      reignOf // the batches are for
	number  uint64  // of the last batch; never used again by this incarnation
	batches []*batch
	// closed: the leader has said that it leads no more. busy: it has refused a
	// batch for what passes, in this tick.
	closed, busy bool
	// heard: an answer came after the last loss that was reported.
	heard bool
}

// batch is a message of proposals on its way.
type batch struct {
	number    uint64
	proposals []Proposal
	sent      uint64 // the tick in which it was sent last
	settled   bool   // it was answered, or given up, or an entry of it came out for apply
	doubtful  bool   // it, or its answer, may be lost
	lost      bool   // and the transport said so, at first in the tick lostAt
	lostAt    uint64
	told      bool // that its outcome is unknown
	// until is when the last of its clients ceases to wait; zero if one never does.
	until time.Time
}

// lastUntil is when the last of some clients ceases to wait; zero if one never does.
func lastUntil(proposals []Proposal) (last time.Time) {
	for i := range proposals {
		switch until := proposals[i].Until; {
		case until.IsZero():
			return time.Time{}
		case until.After(last):
			last = until
		}
	}
	return last
}

// begin starts anew with another leader. Batches for the leader before are not sent
// again: the log will tell what became of them (window.gone).
func (f *forwarding) begin(to reignOf) {
	if f.to != to {
		*f = forwarding{to: to, number: f.number}
	}
}

// over notes that an entry of a term has come out for apply: batches for a leader of an
// earlier one are in the log by now, or never will be, and their bytes are given back.
func (f *forwarding) over(term uint64) {
	if f.to.term < term {
		f.batches = nil
	}
}

// prune forgets batches that are settled.
func (f *forwarding) prune() {
	f.batches = slices.DeleteFunc(f.batches, func(b *batch) bool { return b.settled })
}

// oldest is the first batch without an answer.
func (f *forwarding) oldest() uint64 {
	for _, b := range f.batches {
		if !b.settled {
			return b.number
		}
	}
	return f.number
}

// spread is how many numbers were given from the oldest batch without an answer on,
// with those that were answered since. The leader remembers maxBatches numbers, and
// refuses a batch whose number is farther from the oldest.
func (f *forwarding) spread() uint64 {
	for _, b := range f.batches {
		if !b.settled {
			return f.number - b.number + 1
		}
	}
	return 0
}

// mayForward tells whether the leader takes a batch now, while the spread is less than
// most.
func (c *Core) mayForward(most uint64) bool {
	f := &c.forwarding
	if c.lead == raft.None || c.leads() {
		return false
	}
	f.begin(reignOf{c.lead, c.term})
	return !f.closed && !f.busy && f.spread() < most
}

// forward sends proposals to the leader, as one batch. ErrDropped means that
// none of them was sent.
func (c *Core) forward(proposals []Proposal) error {
	if !c.mayForward(maxBatches) {
		return ErrDropped
	}
	f := &c.forwarding
	f.number++
	b := &batch{number: f.number, proposals: slices.Clone(proposals), until: lastUntil(proposals)}
	f.prune()
	f.batches = append(f.batches, b)
	c.window.add(c.term, proposals, b)
	c.dispatchBatch(b)
	return nil
}

// dispatchBatch sends a batch, perhaps again.
func (c *Core) dispatchBatch(b *batch) {
	b.sent = c.hearing.ticks
	header := batchHeader{number: b.number, oldest: c.forwarding.oldest(), term: c.forwarding.to.term, incarnation: c.cfg.Incarnation}
	c.sendBatch(c.forwarding.to.leader, header, c.entriesOf(b.proposals), nil)
}

// noteBatchLoss notes that the transport has lost something on the way to a
// member.
func (c *Core) noteBatchLoss(id member.ID) {
	f := &c.forwarding
	if uint64(id) != f.to.leader {
		return
	}
	f.heard = false
	for _, b := range f.batches {
		if !b.lost {
			b.lost, b.lostAt = true, c.hearing.ticks
		}
		b.doubtful = true
	}
}

// tickForwarding sends batches again that may be lost. The oldest one shows whether the
// way is there; the others follow when that one was answered.
func (c *Core) tickForwarding() {
	f := &c.forwarding
	f.busy = false
	f.prune()
	if f.to != (reignOf{c.lead, c.term}) {
		return
	}
	now, election, wall := c.hearing.ticks, uint64(c.cfg.ElectionTicks), time.Now()
	for _, b := range f.batches {
		b.doubtful = b.doubtful || now-b.sent >= election
		if b.doubtful && !b.until.IsZero() && b.until.Before(wall) {
			c.giveUp(b)
			continue
		}
		// A leader that is not heard is about to be replaced: the log will tell.
		if b.lost && !b.told && c.hearing.last[member.ID(c.lead)] >= b.lostAt+election {
			b.told = true
			c.out.Unanswered = append(c.out.Unanswered, requestIDs(b.proposals)...)
		}
	}
	for _, b := range f.batches {
		if !b.doubtful || b.settled {
			continue
		}
		c.dispatchBatch(b)
		if !f.heard {
			break
		}
		b.doubtful = false
	}
}

// giveUp ceases to send a batch for which no client waits. One that does not reach
// the leader, while the leader is heard, holds up all later ones that are too far
// from it. Its outcome stays unknown. It is not handed in again, so that it is in
// the log once at most.
func (c *Core) giveUp(b *batch) {
	b.settled = true
	for i := range b.proposals {
		c.window.take(b.proposals[i].ID.Number)
	}
}

// answered takes a leader's answer to batches.
func (c *Core) answered(h heard) {
	f, header := &c.forwarding, h.gossip.batch
	if f.to != (reignOf{h.message.GetFrom(), header.term}) || header.incarnation != c.cfg.Incarnation {
		return // of a reign, or a process, that is over
	}
	f.heard = true
	var refused []Proposal
	for _, a := range decodeAnswers(h.message.GetContext()) {
		i := slices.IndexFunc(f.batches, func(b *batch) bool { return b.number == a.number && !b.settled })
		if i < 0 {
			continue
		}
		b := f.batches[i]
		b.settled = true
		if a.index != 0 {
			continue
		}
		for _, p := range b.proposals {
			if _, open := c.window.take(p.ID.Number); open {
				refused = append(refused, p)
			}
		}
	}
	f.prune()
	c.refused(header.refusal, refused)
}

// refused ends proposals that the leader has refused, or gives them back to be
// handed in again.
func (c *Core) refused(why refusal, proposals []Proposal) {
	if len(proposals) == 0 {
		return
	}
	reject := func(reason error) {
		c.out.Rejected = append(c.out.Rejected, Rejection{requestIDs(proposals), fmt.Errorf("%w: %w", reason, ErrByLeader)})
	}
	switch why {
	case noSpace:
		reject(ErrNoSpace)
	case tooMany:
		reject(ErrTooMany)
	default:
		c.forwarding.closed = c.forwarding.closed || why == notLeading
		c.forwarding.busy = true
		c.out.Returned = append(c.out.Returned, proposals...)
	}
}
