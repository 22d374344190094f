package node

import (
	pb "go.etcd.io/raft/v3/raftpb"
)

// Bar keeps this node from voting and from becoming the leader, or lets it
// again: there is doubt whether its store has what it voted and acknowledged. A
// barred node follows, and stores what a leader gives it.
func (c *Core) Bar(barred bool) error {
	c.barred = barred
	return nil
}

// isBarred tells whether this node must not vote or lead: because of doubt,
// because what it lost may be a vote that it gave, or because another process
// votes in its name.
func (c *Core) isBarred() bool {
	return c.barred || c.lost != nil || c.accused() != nil || c.doubled(c.cfg.ID)
}

// mayTick tells whether raft's clock may go on. That of a barred node goes on too,
// so that it knows when its leader has gone: its questions for votes are not
// sent, and answers not taken. But the only voter would elect itself, and one that
// may have lost data takes no heartbeats to miss.
func (c *Core) mayTick() bool {
	return !c.isBarred() || c.leads() || !c.alone() && c.lost == nil && c.accused() == nil
}

// keepsOut tells whether a barred node must not take m: it would vote, or lead.
func (c *Core) keepsOut(m *pb.Message) bool {
	if !c.isBarred() {
		return false
	}
	switch m.GetType() {
	case pb.MsgVote, pb.MsgPreVote:
		return !c.mayElect(m)
	case pb.MsgVoteResp, pb.MsgPreVoteResp, pb.MsgTimeoutNow:
		return true
	default:
		return false
	}
}
