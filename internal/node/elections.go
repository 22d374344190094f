package node

import (
	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// Causes of an election that this node begins.
const (
	causeTimeout  = "timeout"  // it has heard no leader for an election timeout
	causeTransfer = "transfer" // the leader hands over
	causeAlone    = "alone"    // it is the only voter
	causeRival    = "rival"    // candidates have split the votes
	causeDeposed  = "deposed"  // a member that cannot win has deposed the leader
	causeDenied   = "denied"   // a member denies what it has acknowledged
)

// Causes for which a leader leads no longer, besides causeTransfer.
const (
	causeHigherTerm = "higher-term"  // another member has a higher term
	causeCheck      = "check-quorum" // it has not heard a majority of the voters for an election timeout
)

// A reignWatch tells elections and leaders from one look to the next. It only logs.
type reignWatch struct {
	role raft.StateType
	lead uint64
	term uint64
	// cause is why raft is asked to campaign at this moment; empty for its own timeout.
	cause string
	// handsOver is the last term in which this node was to hand leadership over.
	handsOver uint64
}

// campaign asks raft for an election for the cause that is given.
func (c *Core) campaign(cause string) {
	c.witness.cause = cause
	_ = c.raft.Campaign() // the election timeout tries again
	c.collect()
	c.witness.cause = ""
}

// tell logs what has changed since the last look. The node looks when role, leader or term
// are others.
func (w *reignWatch) tell(c *Core) {
	before := *w
	w.role, w.lead, w.term = c.role, c.lead, c.term
	log := c.cfg.Logger
	switch {
	case c.role == before.role && c.lead == before.lead:
		return
	case before.role == raft.StateLeader && c.role != raft.StateLeader:
		log.Warn("this member leads no longer", "event", events.Leader, "cause", w.lostBy(before), "term", c.term, "led_term", before.term)
	case asks(c.role) && !asks(before.role):
		log.Info("this member begins an election", "event", events.Election, "cause", w.begunBy(), "term", c.term, "leader_before", member.ID(before.lead))
	}
	switch {
	case c.role == raft.StateLeader && before.role != raft.StateLeader:
		log.Info("this member leads", "event", events.Leader, "term", c.term)
	case c.lead != before.lead && c.lead != raft.None && c.role != raft.StateLeader:
		log.Info("another member leads", "event", events.Leader, "leader", member.ID(c.lead), "term", c.term)
	}
}

// asks tells whether a node of that role asks for votes.
func asks(role raft.StateType) bool {
	return role == raft.StateCandidate || role == raft.StatePreCandidate
}

func (w *reignWatch) begunBy() string {
	if w.cause == "" {
		return causeTimeout
	}
	return w.cause
}

// lostBy is why a leader leads no longer. Raft itself steps down within its term only if it
// has not heard a majority.
func (w *reignWatch) lostBy(before reignWatch) string {
	switch {
	case before.term == w.term:
		return causeCheck
	case w.handsOver == before.term:
		return causeTransfer
	}
	return causeHigherTerm
}
