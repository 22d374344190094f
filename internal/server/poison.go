package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

// poison finds the entry that ends the state machine. All entries that were under way
// when it ended are suspects: its successors get them one by one, in the order of the
// log, with no query and no snapshot beside them, so that the next end is the fault of
// one entry. It is of the server goroutine; the zero value suspects nothing.
type poison struct {
	first, last uint64 // the suspects; last is 0 if there are none
	index       uint64 // the only entry under way at the last end; 0 if there were more
	ends        int    // in a row over that one
}

// underWay is what a state machine had been given when it ended, and had neither
// answered nor kept. The zero value is nothing.
type underWay struct {
	first, last uint64
	term        uint64 // of last; 0 if it is not known
	commands    []*node.Command
	asked       bool // a snapshot was asked for as well
}

// blame notes the entries over which a state machine ended, for the reason why. An end
// from outside is not the fault of an entry (but see kills), nor is a failure of the storage. An error of
// Apply, a broken answer and an apply that is not answered are: each ends the state
// machine, as a panic does. If a snapshot was asked for along with an entry, either may
// have done it: the entry is tried without, and the snapshot later.
func (s *Server) blame(m RunningStateMachine, u underWay, why error) {
	if m == nil || !isOfMachine(why) {
		return
	}
	if u.asked {
		s.snapshots.endedWith(why)
	}
	p := &s.poison
	switch {
	case u.last == 0:
		return
	case m.FromOutside():
		s.noteKill(u, why)
		return
	case u.asked:
		p.mark(u)
		return
	}
	p.suspect(u)
	if len(u.commands) > 1 {
		s.logger.Warn("entries were under way when the state machine ended: they are applied one by one",
			"first", u.first, "last", u.last, "commands", len(u.commands))
		return
	}
	c := u.only()
	s.logger.Error("an entry ends the state machine", "index", c.Index, "term", c.Term, "bytes", len(c.Data),
		"sha256", digestOf(c), "times", p.ends)
	if p.ends >= maxEnds {
		s.isolate(c, p.ends, why)
	}
}

// isOfMachine tells whether the drive of a state machine ended by its doing.
func isOfMachine(err error) bool {
	return !errors.Is(err, ErrPermanent) && !errors.Is(err, ErrStopping) && !isOfStorage(err) && !errors.As(err, new(lostTime)) && !errors.As(err, new(parted))
}

// mark makes suspects of what was under way.
func (p *poison) mark(u underWay) {
	if p.last == 0 {
		p.first = u.first
	}
	p.first, p.last = min(p.first, u.first), max(p.last, u.last)
}

// suspect takes what was under way at an end.
func (p *poison) suspect(u underWay) {
	p.mark(u)
	index := uint64(0)
	if len(u.commands) <= 1 {
		index = u.only().Index
	}
	if index != p.index {
		p.index, p.ends = index, 0
	}
	if index > 0 {
		p.ends++
	}
}

// passed says that a state machine has everything up to index: the entries that it has
// survived are innocent.
func (p *poison) passed(index uint64) {
	if index >= p.last {
		*p = poison{}
		return
	}
	p.first = max(p.first, index+1)
	if index >= p.index {
		p.index, p.ends = 0, 0
	}
}

// suspects tells whether there are any.
func (p *poison) suspects() bool { return p.last > 0 }

// concerns tells whether any of the entries [first, last] is a suspect.
func (p *poison) concerns(first, last uint64) bool { return first <= p.last && last >= p.first }

// part is how many of n entries from index first on go to the state machine together.
func (p *poison) part(first uint64, n int) int {
	n = min(n, plugins.MaxBatchEntries)
	switch {
	case first > p.last:
		return n
	case first < p.first:
		return int(min(uint64(n), p.first-first))
	default:
		return 1
	}
}

// only is the one command under way. Where the state machine got none, as with the
// entry of a membership change, it is a command without data in its place.
func (u *underWay) only() *node.Command {
	if len(u.commands) == 1 {
		return u.commands[0]
	}
	return &node.Command{Index: u.last, Term: u.term}
}

func digestOf(c *node.Command) string {
	sum := sha256.Sum256(c.Data)
	return hex.EncodeToString(sum[:])
}

// underWay is what the state machine was given and has not answered.
func (d *driver) underWay() (u underWay) {
	items := slices.Clip(d.replaying)
	for i := range d.inflight {
		items = append(items, d.inflight[i].items...)
		u.asked = u.asked || d.inflight[i].prepare
	}
	for i := range items {
		a := &items[i].apply
		if a.Last <= d.at {
			continue // answered before, or a question for a snapshot alone
		}
		if u.last == 0 {
			u.first = max(a.First, d.at+1)
		}
		u.last, u.term = a.Last, a.Term
		for k := range a.Commands {
			if c := &a.Commands[k]; c.Index > d.at && d.gives(c) {
				u.commands = append(u.commands, c)
			}
		}
	}
	return u
}

// reached says that the state machine has everything up to index. When no suspect is
// left it is lent to queries and snapshots again.
func (d *driver) reached(index uint64) {
	d.at = max(d.at, index)
	d.s.passed(d.at)
	d.lend()
}

// lend lends the state machine to those who use it beside the driver, unless a suspect
// must have it alone.
func (d *driver) lend() {
	if d.lent || d.applier == nil || d.s.poison.suspects() {
		return
	}
	d.lent = true
	before := d.s.machine.open(d.m)
	d.s.changed.notify()
	d.s.restarted(nil)
	d.s.placed(before, nil)
}

// window is how many batches the state machine may have at a time.
func (d *driver) window() int {
	if d.s.poison.suspects() {
		return 1
	}
	return applyWindow
}

// apart takes the suspects in the next batch apart.
func (d *driver) apart() {
	items := d.backlog[0]
	if p := &d.s.poison; !p.concerns(items[0].apply.First, items[len(items)-1].last()) {
		return
	}
	var parts [][]work
	for i := range items {
		for _, a := range oneByOne(items[i].apply) {
			parts = append(parts, []work{{apply: a}})
		}
	}
	d.backlog = append(parts, d.backlog[1:]...)
}

// oneByOne splits a run into runs of one command each. The changes of the membership are
// in the last one: the state machine is given none of them. A check of the state, after which
// it is asked for the hash, is a run of its own.
func oneByOne(a node.Apply) []node.Apply {
	last := 1
	if a.Check {
		last = 0
	}
	parts := make([]node.Apply, 0, len(a.Commands)+1)
	rest := a
	for len(rest.Commands) > last {
		c := &rest.Commands[0]
		part := node.Apply{First: rest.First, Last: c.Index, Commands: rest.Commands[:1], Bytes: rest.Bytes / uint64(len(rest.Commands))}
		rest.First, rest.Commands, rest.Bytes = c.Index+1, rest.Commands[1:], rest.Bytes-part.Bytes
		parts = append(parts, part)
	}
	return append(parts, rest)
}
