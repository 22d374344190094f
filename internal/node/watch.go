package node

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// How many rejected appends of one peer a leader takes in one tick, as long as
// the peer does not get on. Every one that is taken is answered by another
// append at once. A futile one would be answered by the same append again.
const (
	maxFutileRejects = 2
	maxRejects       = 32
)

// watch looks at what gets on and what does not: the commit index, and on a
// leader each peer. Its clock is raft's.
type watch struct {
	ticks uint64
	// mark is an entry that was not committed when it was looked at, and the
	// tick of that; index is 0 if everything is committed. The oldest
	// uncommitted entry is at least as old, and while nothing is committed
	// exactly.
	mark  struct{ index, since uint64 }
	peers map[member.ID]*peerWatch // nil unless this node leads
}

// peerWatch is what a leader remembers of a peer.
type peerWatch struct {
	match    uint64
	since    uint64 // the tick since which match stands still though there is more, or the peer is silent
	lost     uint64 // the tick of the last loss; 0 if there was none
	at       uint64 // the entry of the last rejected append; 0 if there was none
	snapshot string // why the last snapshot did not reach it
	futile   int    // rejects in this tick after which raft would send the same again
	rejects  int    // rejects in this tick
	run      uint64 // of its host, as heard last; 0 if none was
	resends  resends
	kept     Kept // of a snapshot
	trip     Observer
}

// tick looks at everything once.
func (w *watch) tick(c *Core) {
	w.ticks++
	st := c.raft.BasicStatus()
	last := c.lastIndex()
	w.mark.index = min(w.mark.index, last) // the end may be another leader's
	switch {
	case last <= st.GetCommit():
		w.mark.index = 0
	case w.mark.index <= st.GetCommit():
		w.mark.index, w.mark.since = last, w.ticks
	}
	if st.RaftState != raft.StateLeader {
		w.peers = nil
		return
	}
	if w.peers == nil {
		w.peers = map[member.ID]*peerWatch{}
	}
	present := make(map[member.ID]bool, len(w.peers))
	c.raft.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if member.ID(id) != c.cfg.ID {
			present[member.ID(id)] = true
			w.look(member.ID(id), &pr, last, c.hears(id), c.cfg.RoundTrip)
		}
	})
	for id := range w.peers {
		if !present[id] {
			delete(w.peers, id)
		}
	}
}

// look compares a peer with what it was a tick ago. One that has everything must
// answer: a path that is cut in one direction would show nowhere until there is
// something to send.
func (w *watch) look(id member.ID, pr *tracker.Progress, last uint64, answers bool, trip func(member.ID) Observer) {
	p := w.peers[id]
	if p == nil {
		p = &peerWatch{match: pr.Match, since: w.ticks}
		if trip != nil {
			p.trip = trip(id)
		}
		w.peers[id] = p
	}
	p.futile, p.rejects = 0, 0
	switch {
	case pr.Match > p.match || pr.Match >= last && answers:
		p.since, p.at, p.snapshot = w.ticks, 0, ""
	case pr.State == tracker.StateSnapshot && p.snapshot == "":
		p.since++ // one is on its way, and its progress has a limit of its own
	}
	p.match = pr.Match
	p.resends.gotOn(pr.Match)
}

// uncommitted is the age of the oldest uncommitted entry in ticks; 0 if there
// is none.
func (w *watch) uncommitted() uint64 {
	if w.mark.index == 0 {
		return 0
	}
	return w.ticks - w.mark.since
}

// why says what keeps a peer from getting on, as far as a leader can know.
func (p *peerWatch) why(c *Core, id member.ID) string {
	says := c.conditions[id]
	switch {
	case !c.hears(uint64(id)):
		return "it does not answer"
	case p.snapshot != "":
		return "a snapshot did not reach it: " + p.snapshot + p.resends.wait(c.watch.ticks, c.cfg.ElectionTicks)
	case p.at > 0:
		return fmt.Sprintf("it rejects appends: its log does not fit at entry %d", p.at)
	case says.Has(Refusing):
		return "it refuses messages; its own status and log say why"
	case says.Has(DiskStalled):
		return "its storage does not answer"
	case c.watch.ticks-p.lost <= uint64(c.cfg.ElectionTicks) && p.lost > 0:
		return "messages to it are lost"
	default:
		return fmt.Sprintf("it answers, but does not acknowledge entry %d: what is large may not reach it", p.match+1)
	}
}

// stepReject takes a peer's rejection of an append, unless that has been taken
// often enough in this tick. Raft sends the next try at once; for a log that
// can never fit that is the same one again, as fast as the network can. A
// rejection that is not taken counts as lost: the peer's next heartbeat answer
// makes raft try again.
func (c *Core) stepReject(m *pb.Message) error {
	p := c.watch.peers[member.ID(m.GetFrom())]
	if p == nil {
		return c.raft.Step(m)
	}
	c.hearDenial(m)
	if p.futile >= maxFutileRejects || p.rejects >= maxRejects {
		return nil
	}
	before := c.progressOf(m.GetFrom()).Next
	err := c.raft.Step(m)
	p.rejects++
	if c.progressOf(m.GetFrom()).Next >= before {
		p.futile, p.at = p.futile+1, m.GetIndex()
	}
	return err
}

// progressOf is what a leader knows of a peer's log; the zero Progress if it
// knows no such peer.
func (c *Core) progressOf(peer uint64) (of tracker.Progress) {
	c.raft.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if id == peer {
			of = pr
		}
	})
	return of
}
