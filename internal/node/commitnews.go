package node

import (
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// commitNews decides which messages that only carry a new commit index a
// leader sends at once (ADR 0017). Raft makes one for every follower at every
// commit, and each costs both ends several hops and an answer. But the next
// append carries the commit index too, and so does the heartbeat of every
// tick; losing such a message is losing nothing. So it is sent only to a
// follower that waits for it: one whose clients' proposals are among what it
// would learn to be committed, or when a membership change is.
type commitNews struct {
	// awaited is the highest index that a peer waits for, told the highest
	// commit index that it was sent.
	awaited, told map[member.ID]uint64
	change        uint64 // index of the last membership change
}

// appended looks at entries that go into the leader's log.
func (n *commitNews) appended(self member.ID, entries []*pb.Entry) {
	for _, e := range entries {
		if e.GetType() != pb.EntryNormal {
			n.change = e.GetIndex()
			continue
		}
		if h, _, err := decodeCommand(e.GetData()); err == nil && h.id.Origin != self {
			if n.awaited == nil {
				n.awaited = map[member.ID]uint64{}
			}
			n.awaited[h.id.Origin] = e.GetIndex()
		}
	}
}

// sent notes the commit index that goes out to a peer.
func (n *commitNews) sent(to member.ID, commit uint64) {
	if n.told == nil {
		n.told = map[member.ID]uint64{}
	}
	n.told[to] = max(n.told[to], commit)
}

// due tells whether the peer waits for the commit index.
func (n *commitNews) due(to member.ID) bool {
	return max(n.awaited[to], n.change) > n.told[to]
}

// canWait tells whether m, a MsgApp, says nothing but a commit index that the
// receiver does not wait for. To a follower whose log is not known to match,
// even an empty append is a question.
func (c *Core) canWait(m *pb.Message) bool {
	if len(m.GetEntries()) > 0 || c.news.due(member.ID(m.GetTo())) {
		return false
	}
	pr := c.progressOf(m.GetTo())
	return pr.State == tracker.StateReplicate && pr.Match == m.GetIndex()
}
