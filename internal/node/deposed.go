package node

import (
	"bytes"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A deposed leader is one that has met a later term in a message of another member. Raft
// would have every member wait for an election timeout then, though all of them are
// there: the followers hold the lease of the leader, and the leader, as a follower, waits
// like them. So one message with a later term, true or forged, would hold up all writes
// for as long as the failure of a host does.
//
// The deposed leader asks for votes at the next tick instead, and its followers see that
// the leader whose lease they hold asks (yieldsLease). If the message was that of a
// leader, or of a candidate that has this node's vote, the deposed one gives that member
// the time of deposedHeartbeats to say another word as the leader. It is the question of a
// pre-vote: members that follow another leader by now refuse it, and no term changes.
type deposed struct {
	term  uint64 // the later term; 0 if there is nothing to win back
	since uint64 // the tick in which it was met
}

// deposedHeartbeats are those of which a leader that was elected sends at least one.
const deposedHeartbeats = 3

// isDeposing tells whether m may end this node's leadership by its term: raft knows words of
// a later term that end none. A leader that is handing over has its successor on the way.
func (c *Core) isDeposing(m *pb.Message) bool {
	return c.leads() && m.GetTerm() > c.term && c.Transferring() == 0
}

// hear ends the wait of a deposed leader that raft let hear the leader of the later term in
// another message than the one that deposed it.
func (d *deposed) hear(c *Core, m *pb.Message) {
	if d.term == m.GetTerm() && c.lead == m.GetFrom() {
		d.term = 0
	}
}

// tick asks for votes. An unfit member leaves the election to others.
func (d *deposed) tick(c *Core) {
	switch {
	case d.term == 0:
		return
	case d.term != c.term, c.role != raft.StateFollower, c.isBarred(), c.leavesElections():
		d.term = 0
		return
	case (c.lead != raft.None || c.saved.Vote != raft.None) && c.hearing.ticks-d.since <= deposedHeartbeats*uint64(c.cfg.HeartbeatTicks):
		return
	}
	d.term = 0
	c.campaign(causeDeposed)
}

// campaignTransfer is raft's word that no lease stands against a question for votes.
var campaignTransfer = []byte("CampaignTransfer")

// yieldsLease has raft answer a question for votes in a later term of the leader whose
// lease counts here: the lease keeps others from disturbing that leader, and it says
// itself that it leads no more.
func (c *Core) yieldsLease(m *pb.Message) {
	asks := m.GetType() == pb.MsgPreVote || m.GetType() == pb.MsgVote
	if asks && m.GetFrom() == c.lead && m.GetTerm() > c.term {
		m.Context = bytes.Clone(campaignTransfer)
	}
}
