package node

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A member that runs is told from another process with a copy of its data
// directory by its run: a random number that each node draws when it is made,
// and that travels with heartbeats, the answers to them and to appends, and the
// questions for votes.
//
// A run that comes back after another one was seen has not ended: both serve
// the member, and what one has acknowledged or voted the other does not know.
const (
	// minReturns is how often a run must come back, an election timeout apart:
	// messages that a process left in its connections when it ended may arrive
	// after the first of its successor, but not for so long.
	minReturns = 3
	// maxRuns is how many runs of a member are remembered.
	maxRuns = 4
	// doubledElections is for how many election timeouts after the last return
	// a member counts as doubled.
	doubledElections = 60
)

// runs are those of one member, as this node has seen them, the last one at the
// end.
type runs []seenRun

type seenRun struct {
	run     uint64
	returns int    // after another one was seen
	at      uint64 // the tick of the last return that counts
}

// doubling is what a node knows of members that are served by two processes.
type doubling struct {
	own   uint64 // this node's run
	of    map[member.ID]runs
	words map[member.ID]doubleWord
	told  bool // enough voters say that they see two of this member
}

// see takes a message's run.
func (d *doubling) see(from member.ID, run, now uint64, election int) {
	if run == 0 {
		return // of another program
	}
	if d.of == nil {
		d.of = map[member.ID]runs{}
	}
	all := d.of[from]
	if n := len(all); n > 0 && all[n-1].run == run {
		return
	}
	seen := seenRun{run: run}
	if i := slices.IndexFunc(all, func(s seenRun) bool { return s.run == run }); i >= 0 {
		seen = all[i]
		seen.comesBack(now, uint64(election))
		all = slices.Delete(all, i, i+1)
	}
	if all = append(all, seen); len(all) > maxRuns {
		all = all[1:]
	}
	d.of[from] = all
}

// comesBack counts a return of a run.
func (s *seenRun) comesBack(now, election uint64) {
	gap := now - s.at
	switch {
	case s.returns > 0 && gap < election:
		return
	case gap > doubledElections*election:
		s.returns = 0
	}
	s.returns, s.at = min(s.returns+1, minReturns), now
}

// doubled tells whether two processes serve a member, as far as this node knows.
func (c *Core) doubled(id member.ID) bool {
	if id == c.cfg.ID {
		return c.doubling.told
	}
	return slices.ContainsFunc(c.doubling.of[id], func(s seenRun) bool {
		return s.returns >= minReturns && c.isWithin(doubledElections, s.at)
	})
}

// isWithin tells whether no more than so many election timeouts have gone since a
// tick.
func (c *Core) isWithin(elections, at uint64) bool {
	return c.hearing.ticks-at <= elections*uint64(c.cfg.ElectionTicks)
}

// Doubled are the members that two processes serve, in the order of their ids.
func (c *Core) Doubled() (ids []member.ID) {
	for _, m := range c.registry.Members() {
		if c.doubled(m.ID) {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// checkDoubled refuses a message of a member that two processes serve: the word
// of one does not bind the other.
func (c *Core) checkDoubled(m *pb.Message) error {
	if from := member.ID(m.GetFrom()); c.doubled(from) {
		return invalid("two processes serve member %s, with copies of one data directory", from)
	}
	return nil
}
