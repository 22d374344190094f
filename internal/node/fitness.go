package node

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// maxHeldBack is how many elections in a row an unfit member leaves to others, unless
// one of them asks with a shorter log than its own.
// If no member has won one until then, an unfit leader is better than none.
const maxHeldBack = 3

// ErrUnfit: this node does not lead, and could not answer the proposal for the
// time being. Propose returns it. The proposal has no effect.
var ErrUnfit = errors.New("this member is unfit")

// ErrQuarantined: one entry has ended the state machine of the leader again and again, or its
// state is not that of a majority. The
// leader is this node, or another one that found no successor. Propose returns it. The
// proposal has no effect.
var ErrQuarantined = errors.New("the state machine is quarantined")

// Fitness is what the host says of this member's fitness to lead.
type Fitness struct {
	// Condition is what is not well; 0 if nothing is.
	Condition Condition
	// Space is what the storage plugin says of its space.
	Space storage.Space
}

// SetFitness says how fit this node is. An unfit one leaves elections to others
// for a while (holdsBack), and tells the leader by its heartbeats' answers. It
// votes, follows, commits, applies and takes membership changes, one of which
// may be the way out; that an unfit leader hands over is for the host to do
// (Fitter).
//
// While space is short this node takes no proposals as the leader, its own or
// forwarded ones. A follower passes proposals on, whatever its own space: they
// cost it the same when they come from another member. But one whose disk or
// state machine gets nothing done takes no proposals of its own: another member
// could answer them. A leader that is quarantined takes none either. A quarantined
// follower of it refuses those of its own clients at once, and one that is well as soon as
// the leader has had the time to hand over (checkLeaderTakes).
func (c *Core) SetFitness(f Fitness) { c.fitness = f }

// checkFitness is why this node takes no proposals of its own clients though
// it knows a leader that would; nil if it does.
func (c *Core) checkFitness() error {
	own := c.fitness.Condition
	switch {
	case own.Has(Quarantined) && (c.leads() || c.leaderCondition().Has(Quarantined)):
		return ErrQuarantined
	case own.Unfitness() < 2, c.leads(), c.lead == raft.None:
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnfit, own)
}

// leaderCondition is what the leader says of itself, if there is another one than this
// node.
func (c *Core) leaderCondition() Condition { return c.conditions[member.ID(c.lead)] }

// holdback counts the elections that an unfit member has left to others.
type holdback struct {
	elections int
	held      bool // in this tick
}

// hear ends the patience of an unfit member that a voter asks with a shorter log than
// its own. That voter cannot have this one's vote, and may be the last one that could
// lead: elections that are left to it have no end, above all where this member restarts
// more often than it loses its patience, which begins anew each time. Another voter that
// can win does so before this one's election timeout.
func (h *holdback) hear(c *Core, m *pb.Message) {
	asks := m.GetType() == pb.MsgVote || m.GetType() == pb.MsgPreVote && m.GetIndex() > 0 // else it asks for terms alone
	if asks && c.lead == raft.None && c.compareLog(m) > 0 && slices.Contains(c.registry.Voters(), m.GetFrom()) {
		h.elections = maxHeldBack
	}
}

// tick takes stock after a tick of raft.
func (h *holdback) tick(c *Core) {
	switch {
	case h.held:
		h.elections++
	case c.fitness.Condition.Unfitness() == 0 || c.lead != raft.None:
		h.elections = 0
	}
	h.held = false
}

// holdsBack tells whether this node keeps its question for votes to itself. The
// question is that of a pre-vote: for raft it is lost on the way, which changes
// neither term nor vote, and the node answers those of others as before. A
// transfer of leadership to this node asks for votes at once and is not held
// back.
func (c *Core) holdsBack() bool {
	if !c.leavesElections() {
		return false
	}
	c.holdback.held = true
	return true
}

// leavesElections tells whether this node is unfit, and the next election is one of those
// that it leaves to others.
func (c *Core) leavesElections() bool {
	return c.fitness.Condition.Unfitness() > 0 && c.holdback.elections < maxHeldBack
}
