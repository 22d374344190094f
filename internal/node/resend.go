package node

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A leader sends a snapshot because a follower says what it lacks. One that says so for
// ever, whatever it is sent, would be sent the whole state again and again. So each
// snapshot after the second is sent after a pause, which doubles, until the follower has
// got on. The second one goes at once: its receiver may have been killed. So does the next one
// to a follower that was started again or says that it is better, once in the longest pause:
// one that was broken and is well again need not wait.

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
	parts uint64 // of what was sent of all of them, in millionths of one
	tries int    // how many of them went, in part at least
	kept  uint64 // the bytes that the peer has kept of one
	next  uint64 // the tick of the watch before which no other goes
	early early
	said  bool // in the log
	lacks bool // status says how many there were
}

// wholes is how many whole snapshots that makes.
func (r *resends) wholes() int { return int(r.parts / wholeSnapshot) }

// wholeSnapshot are the parts of a snapshot that has gone as a whole.
const wholeSnapshot = 1_000_000

// A Gone is what may have gone of a snapshot that failed.
type Gone struct {
	// Read are the bytes that were taken for it. Without any it counts for nothing.
	Read uint64
	// Ahead are those of them that need not have left this host.
	Ahead uint64
	// Of are the bytes of the whole.
	Of uint64
}

// parts is what of it has gone for certain, in millionths, and never nothing if anything was
// taken: the least parts of a large snapshot are many bytes.
func (g Gone) parts() uint64 {
	if g.Read == 0 {
		return 0
	}
	gone := float64(g.Read-min(g.Ahead, g.Read)) * wholeSnapshot / float64(max(g.Of, 1))
	return uint64(min(max(gone, 1), wholeSnapshot))
}

// SnapshotFailed notes why a snapshot did not reach a peer, and what of it was sent.
// SnapshotStatus tells raft.
func (c *Core) SnapshotFailed(id member.ID, err error, gone Gone) {
	if p := c.watch.peers[id]; p != nil {
		p.snapshot, p.resends.lacks = err.Error(), false
		c.spend(id, p, gone.parts())
	}
}

// snapshotSent notes that a snapshot has gone to a peer as a whole.
func (c *Core) snapshotSent(id member.ID) {
	if p := c.watch.peers[id]; p != nil {
		c.spend(id, p, wholeSnapshot)
	}
}

func (c *Core) spend(id member.ID, p *peerWatch, parts uint64) {
	if parts == 0 {
		return
	}
	r := &p.resends
	r.parts += parts
	r.tries++
	pause := pauseAfter(r.wholes())
	if r.tries >= 2 {
		pause = max(pause, 1) // of small parts there may be many
	}
	if pause == 0 {
		return
	}
	r.next = c.watch.ticks + pause*uint64(c.cfg.ElectionTicks)
	if r.wholes() < 2 {
		return
	}
	if p.snapshot == "" || r.lacks {
		p.snapshot, r.lacks = fmt.Sprintf("it was sent %d, and lacks as much as before", r.wholes()), true
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
	p.resends.gotOn(c.progressOf(m.GetTo()).Match) // since the last tick, too
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

// early is the tick from which on a pause may end before its time.
type early uint64

// end ends the pause that lasts until next, unless one was ended in the longest pause.
func (e *early) end(next *uint64, now uint64, election int) {
	if now < *next && now >= uint64(*e) {
		*next, *e = now, early(now+mostPause*uint64(election))
	}
}

// wait says how long the next one is waited for.
func (r *resends) wait(now uint64, election int) string {
	if now >= r.next {
		return ""
	}
	return fmt.Sprintf("; the next is sent within %d election timeouts", 1+(r.next-now-1)/uint64(election))
}

// hearBetter notes that a peer was started again, or that it says no more of itself what
// it said before, so that it may take what it has not taken.
func (c *Core) hearBetter(from member.ID, before, now Condition, run uint64) {
	p := c.watch.peers[from]
	if p == nil {
		return
	}
	again := run != 0 && p.run != 0 && run != p.run
	if run != 0 {
		p.run = run
	}
	if !again && before&^now == 0 {
		return
	}
	p.resends.early.end(&p.resends.next, c.watch.ticks, c.cfg.ElectionTicks)
	if w := c.wishes.peers[from]; w != nil {
		w.early.end(&w.next, c.hearing.ticks, c.cfg.ElectionTicks)
	}
}
