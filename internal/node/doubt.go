package node

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// While a word of a loss counts, raft's clock stands: this node takes no heartbeats
// that it could miss (see mayTick). So does the lease of the leader that it followed,
// in which raft refuses every question for votes. The leader may have lost its
// majority meanwhile, for this node answers it nothing. Then the lease must end with
// the doubt: an election would wait for it once more.

// endDoubt forgets a word of a loss that counts no longer, and the lease of a leader
// that has not denied it lately.
func (c *Core) endDoubt() {
	a := &c.accusation
	if a.why == nil || c.accused() != nil {
		return
	}
	denied := a.denies.words > 0 && c.isWithin(1, a.denies.last)
	*a = accusation{}
	if !denied {
		c.endLease()
	}
}

// endLease lets raft's clock go on by an election timeout: the leader has not been
// heard for at least as long. It may be time to ask for votes then; the random part of
// raft's timeout is still to come, so that not all members do at once. The only voter
// asks no other member: see campaignAlone.
func (c *Core) endLease() {
	if c.leads() || c.alone() {
		return
	}
	for range c.cfg.ElectionTicks {
		c.raft.Tick()
	}
	c.collect()
}

// hearCandidate takes that the leader whose lease counts here asks for votes itself.
func (c *Core) hearCandidate(m *pb.Message) {
	asks := m.GetType() == pb.MsgPreVote || m.GetType() == pb.MsgVote
	if asks && m.GetFrom() == c.lead && c.accused() != nil {
		c.endLease()
	}
}

// mayElect tells whether the question for votes m may have this node's, though there is
// doubt: the accuser asks, so it leads no longer, and its log has all that it counted
// on.
func (c *Core) mayElect(m *pb.Message) bool {
	return c.accused() != nil && !c.barred && c.lost == nil && !c.doubled(c.cfg.ID) && c.isAnew(m)
}

// isAnew tells whether m is of the accuser, in a later term than its word. Earlier
// acknowledgements count for nothing there: a leader that begins asks what there is,
// and sends what is missing. Only a run that was vouched for goes by that: another one
// may have lost a vote that it gave.
func (c *Core) isAnew(m *pb.Message) bool {
	a := &c.accusation
	return a.brief && a.from == member.ID(m.GetFrom()) && m.GetTerm() > a.term
}
