package node

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// ErrNotCaughtUp: the learner lacks too much of the log to become a voter, or
// was not heard within an election timeout. ProposeChange returns it for a
// promotion.
var ErrNotCaughtUp = errors.New("the learner has not caught up")

// reign is what a leader knows of its own time in office.
type reign struct {
	term, since uint64
	// Samples of the last index, an election timeout apart. A follower that has
	// all entries up to older keeps up: the entries that it lacks are younger
	// than two election timeouts.
	older, newer, sampled uint64
}

// begin starts a reign.
func (c *Core) begin() {
	last := c.lastIndex()
	c.reign = reign{term: c.term, since: c.hearing.ticks, older: last, newer: last, sampled: c.hearing.ticks}
	c.registrar.due = true
	c.uncommitted = c.inherited()
	c.takings = takings{term: c.term, of: map[member.ID]*sender{}}
	c.stamps.begin(c)
}

// sample takes down the last index once in an election timeout.
func (c *Core) sample() {
	r := &c.reign
	if c.hearing.ticks-r.sampled >= uint64(c.cfg.ElectionTicks) {
		r.older, r.newer, r.sampled = r.newer, c.lastIndex(), c.hearing.ticks
	}
}

// reigns tells whether this leader has applied an entry of its own term: its
// registry is then the cluster's.
func (c *Core) reigns() bool {
	st := c.raft.BasicStatus()
	term, err := c.log.Term(st.Applied)
	return err == nil && term == st.GetTerm() && c.reign.term == st.GetTerm()
}

// caughtUp is nil for a member that was heard from lately and keeps up with the
// log.
func (c *Core) caughtUp(id member.ID) error {
	switch pr := c.progressOf(uint64(id)); {
	case !c.hears(uint64(id)):
		return fmt.Errorf("%w: member %s was not heard from within an election timeout; is it started, and are its peer URLs right?", ErrNotCaughtUp, id)
	case pr.State != tracker.StateReplicate || pr.Match < c.reign.older:
		return fmt.Errorf("%w: member %s has %d of %d entries", ErrNotCaughtUp, id, pr.Match, c.lastIndex())
	}
	return c.checkLevelOf(id)
}

// checkLevelOf is nil for a member that has said lately that it understands the
// cluster's level.
func (c *Core) checkLevelOf(id member.ID) error {
	least := c.registry.Level()
	announced, ok := c.levelOf(id)
	switch {
	case least > 0 && !ok:
		return fmt.Errorf("%w: member %s has not said within an election timeout which feature level it understands", ErrNotCaughtUp, id)
	case announced < least:
		return fmt.Errorf("%w: member %s understands level %d, the cluster is at %d; start it with the build that the other members run",
			ErrOlder, id, announced, least)
	}
	return nil
}

// asLearner turns the addition of a voter into that of a learner that becomes
// one when it has caught up: a member that cannot be reached, or has everything
// to learn, is then no part of any quorum. A learner that is there is promoted
// if it has caught up.
func (c *Core) asLearner(change member.Change) (member.Change, error) {
	if change.Op != member.Add || change.Member.Learner {
		return change, nil
	}
	if _, exists := c.registry.Member(change.Member.ID); exists {
		return change, c.caughtUp(change.Member.ID)
	}
	change.Member.Learner, change.Member.Promote = true, true
	return change, nil
}

// promote proposes to make a voter of one learner that is marked and has caught
// up, if this does not cost the quorum. The mark is in the registry, so the
// next leader goes on where this one ends.
func (c *Core) promote() {
	if !c.leads() || !c.reigns() || c.changePending.index != 0 || c.changeUnapplied() {
		return
	}
	for _, id := range c.registry.Learners() {
		m, _ := c.registry.Member(member.ID(id))
		if !m.Promote || c.caughtUp(m.ID) != nil {
			continue
		}
		m.Learner, m.Promote = false, false
		change := member.Change{Op: member.Add, Member: m}
		if c.checkQuorum(change, nil) != nil {
			continue
		}
		// No client waits for this request: number 0 is never a client's. A
		// promotion that is not taken now is proposed again at the next tick.
		_ = c.hand(RequestID{Origin: c.cfg.ID}, change)
		return
	}
}
