package node

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A leader sends a snapshot because a follower says what it lacks. One that says so for
// ever, whatever it is sent, would be sent the whole state again and again. So each
// snapshot after the second is sent after a pause, which doubles, until the follower has
// got on. The second one goes at once: its receiver may have been killed.

// mostPause is the longest pause, in election timeouts.
const mostPause = 64

// pauseAfter is the pause after so many snapshots, in election timeouts.
func pauseAfter(snapshots int) uint64 {
	if snapshots < 2 {
		return 0
	}
	return min(mostPause, uint64(1)<<min(snapshots-2, 16))
}

// resends are the snapshots that a leader has sent to a peer which has not got on since.
type resends struct {
	index uint64 // of the newest
	parts int    // of what was sent of all of them, in hundredths of one
	next  uint64 // the tick of the watch before which no other goes
	said  bool   // in the log
}

// wholes is how many whole snapshots that makes.
func (r *resends) wholes() int { return r.parts / wholeSnapshot }

// wholeSnapshot are the parts of a snapshot that has gone as a whole.
const wholeSnapshot = 100

// SnapshotFailed notes why a snapshot did not reach a peer, and how many hundredths of
// it were sent. SnapshotStatus tells raft.
func (c *Core) SnapshotFailed(id member.ID, err error, hundredths int) {
	if p := c.watch.peers[id]; p != nil {
		p.snapshot = err.Error()
		c.spend(id, p, min(max(hundredths, 0), wholeSnapshot))
	}
}

// snapshotSent notes that a snapshot has gone to a peer as a whole.
func (c *Core) snapshotSent(id member.ID) {
	if p := c.watch.peers[id]; p != nil {
		c.spend(id, p, wholeSnapshot)
	}
}

func (c *Core) spend(id member.ID, p *peerWatch, parts int) {
	r := &p.resends
	r.parts += parts
	pause := pauseAfter(r.wholes())
	if pause == 0 {
		return
	}
	r.next = c.watch.ticks + pause*uint64(c.cfg.ElectionTicks)
	if p.snapshot == "" {
		p.snapshot = fmt.Sprintf("it was sent %d, and lacks as much as before", r.wholes())
	}
	if !r.said {
		r.said = true
		c.cfg.Logger.Warn("a member gets snapshots and does not get on: more are sent to it after ever longer pauses",
			"member", id, "index", r.index, "sent", r.wholes())
	}
}

// resending tells whether a snapshot may go to a peer now, and notes that it does.
func (c *Core) resending(m *pb.Message) bool {
	p := c.watch.peers[member.ID(m.GetTo())]
	if p == nil {
		return true
	}
	if c.watch.ticks < p.resends.next {
		return false
	}
	p.resends.index = m.GetSnapshot().GetMetadata().GetIndex()
	return true
}

// gotOn forgets what was sent to a peer that has it.
func (r *resends) gotOn(match uint64) {
	if r.index > 0 && match >= r.index {
		*r = resends{}
	}
}
