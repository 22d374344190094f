package node

import (
	"cmp"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A rivalry is an election that may have split the votes: another voter is a candidate
// in the same term, has voted for itself, and refuses this node. Raft waits for another
// election timeout then, as long as the first one or twice as long. The first of the
// rivals need not: its log is as good as that of each other one, so they vote for it in
// the next term. That holds for one that a majority refused, too: to raft it is a
// follower by then, with no leader and its vote still its own.
//
// Section 5.2 of the paper reports that ranks were tried and given up: a server of a
// lower rank had to try again when one of a higher rank failed, and upset elections if
// it did so too soon. Here the others wait as long as they would without ranks, which is
// at least an election timeout. The first rival has had its answers by then.
type rivalry struct {
	term  uint64 // in which the others are candidates, like this node; 0 if there is no rivalry
	since uint64 // the tick in which the first of them was heard
	first bool   // none of them comes before this node
	next  uint64 // not before this tick this node asks again because of a rival
}

// hearRival takes note of another candidate in this term.
func (c *Core) hearRival(m *pb.Message) {
	if m.GetType() != pb.MsgVote || m.GetTerm() != c.term || !c.waitsForVotes() ||
		!slices.Contains(c.registry.Voters(), m.GetFrom()) {
		return
	}
	if r := &c.rivalry; r.term != c.term {
		r.term, r.since, r.first = c.term, c.hearing.ticks, true
	}
	c.rivalry.first = c.rivalry.first && c.comesBefore(m)
}

// waitsForVotes tells whether this node has asked for votes in this term, and knows no
// leader of it.
func (c *Core) waitsForVotes() bool {
	switch c.role {
	case raft.StateCandidate:
		return true
	case raft.StateFollower: // refused by a majority
		return c.lead == raft.None && c.saved.Term == c.term && c.saved.Vote == uint64(c.cfg.ID)
	default:
		return false
	}
}

// comesBefore tells whether this node is a better candidate than the one that sent m:
// that has the longer log, or, if they are of the same length, the smaller id. A
// candidate does not vote for one with a shorter log than its own.
func (c *Core) comesBefore(m *pb.Message) bool {
	return cmp.Or(c.compareLog(m), cmp.Compare(member.ID(m.GetFrom()), c.cfg.ID)) > 0
}

// compareLog compares the end of this node's log with that of the candidate which sent m,
// as votes do (section 5.4.1 of the paper): the term comes before the index.
func (c *Core) compareLog(m *pb.Message) int {
	index, term := c.lastEntry()
	return cmp.Or(cmp.Compare(term, m.GetLogTerm()), cmp.Compare(index, m.GetIndex()))
}

// tick asks for votes again if this node comes first and no votes have decided within a
// heartbeat's time: as long as the answers of the voters that are not candidates may
// take. Voters that hear a leader by then refuse the question for pre-votes, and no
// term changes. A peer that says all the time that it is a candidate makes this node
// ask once more in each election timeout at most. An unfit member that would keep the
// question to itself goes on waiting for the votes that it has asked for.
func (r *rivalry) tick(c *Core) {
	now := c.hearing.ticks
	if r.term != c.term || !c.waitsForVotes() {
		r.term = 0
		return
	}
	if !r.first || now-r.since <= uint64(c.cfg.HeartbeatTicks) || now < r.next || c.isBarred() || c.leavesElections() {
		return
	}
	r.term, r.next = 0, now+uint64(c.cfg.ElectionTicks)
	c.campaign(causeRival)
}
