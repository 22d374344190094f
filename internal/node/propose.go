package node

import (
	"cmp"
	"errors"
	"slices"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A Proposal is a client's data with the request it belongs to.
type Proposal struct {
	ID RequestID
	// Until is when its client waits no longer; never if it is zero.
	Until time.Time
	// Since is when it was admitted.
	Since time.Time
	// data has room for the header: see encodeCommand.
	data []byte
}

// size is what it counts for where bytes are bounded.
func (p *Proposal) size() uint64 { return uint64(len(p.data)) + entryOverhead }

// NewProposal makes a proposal; data is copied once, after the header.
func NewProposal(id RequestID, data []byte) Proposal {
	return Proposal{ID: id, data: encodeCommand(id, data)}
}

// Propose queues a proposal. If it is not taken, Ports.Rejected says so.
func (n *Node) Propose(p Proposal) {
	n.box.put(func(in *inputs) { in.proposals = append(in.proposals, p) })
}

// returned puts proposals that are in no log, though they were handed in, before
// those that wait. Those whose time is up are rejected.
func (n *Node) returned(proposals []Proposal) {
	now := time.Now()
	var late []RequestID
	kept := slices.DeleteFunc(proposals, func(p Proposal) bool {
		over := !p.Until.IsZero() && p.Until.Before(now)
		if over {
			late = append(late, p.ID)
		}
		return over
	})
	if len(late) > 0 {
		n.ports.Rejected(late, ErrTooLate)
	}
	if len(kept) > 0 {
		n.box.put(func(in *inputs) { in.proposals = append(kept, in.proposals...) })
	}
}

// Withdraw takes back those of the queued proposals for which gone says so, and
// returns their requests: raft has not seen them, and never will.
func (n *Node) Withdraw(gone func(RequestID) bool) []RequestID { return n.box.withdraw(gone) }

// handIn hands in of the waiting proposals what there is room for. It uses spare
// and returns it. Only ErrFailed is returned.
func (n *Node) handIn(spare []Proposal) ([]Proposal, error) {
	room := n.core.Room()
	if room == 0 {
		return spare, nil
	}
	clear(spare)
	taken, late := n.box.takeProposals(spare[:0], room, n.core.now.Add(n.core.window.latency))
	n.queued(taken)
	if len(late) > 0 {
		n.ports.Rejected(late, ErrTooLate)
	}
	return taken, n.propose(taken)
}

// queued observes how long proposals waited that are handed in now. One that comes back from a
// leader and is handed in again counts once more, with all of its time.
func (n *Node) queued(proposals []Proposal) {
	if n.core.cfg.Queued == nil {
		return
	}
	for i := range proposals {
		n.core.cfg.Queued.Observe(n.core.now.Sub(proposals[i].Since).Seconds())
	}
}

// propose hands in proposals, as many at a time as a batch may hold: a message
// that is larger would be taken by no member that it is forwarded to. Once some
// are refused, so are those after them. Only ErrFailed is returned.
func (n *Node) propose(proposals []Proposal) error {
	for len(proposals) > 0 {
		first := n.core.firstBatch(len(proposals), func(i int) int { return len(proposals[i].data) })
		err := n.core.Propose(proposals[:first])
		switch {
		case errors.Is(err, ErrFailed):
			return err
		case err != nil:
			n.ports.Rejected(requestIDs(proposals), err)
			return nil
		}
		proposals = proposals[first:]
	}
	return nil
}

func requestIDs(proposals []Proposal) []RequestID {
	ids := make([]RequestID, len(proposals))
	for i := range proposals {
		ids[i] = proposals[i].ID
	}
	return ids
}

// firstBatch is how many of n entries, whose data have these sizes, go into one
// message: as many as a batch may hold. One that is larger goes alone.
func (c *Core) firstBatch(n int, size func(int) int) int {
	total, limit := uint64(0), c.cfg.Limits.BatchBytes()
	for i := range n {
		total += uint64(size(i)) + entryOverhead
		if i > 0 && total > limit {
			return i
		}
	}
	return n
}

// Propose hands in proposals, all as one message: at the leader they go into
// the log together, elsewhere they are forwarded to the leader. They should fit
// a batch. ErrDropped, ErrNoSpace, ErrUnfit and ErrQuarantined mean that none of them was
// taken.
func (c *Core) Propose(proposals []Proposal) error {
	return c.step(func() error {
		if err := cmp.Or(c.checkSpace(), c.checkLeaderTakes(), c.checkFitness()); err != nil {
			return err
		}
		if !c.leads() {
			return c.forward(proposals)
		}
		if err := c.handIn(uint64(c.cfg.ID), c.entriesOf(proposals)); err != nil {
			return err
		}
		c.window.add(c.term, proposals, nil)
		return nil
	})
}

// takesProposals tells whether proposals may go into the log of this leader: there is a
// founding, the leader knows the time, and its state machine applies what is proposed now.
func (c *Core) takesProposals() bool { return c.founded() && c.knowsTime() && c.appliesVersion() }

// handIn gives raft the entries of one message, on the leader. ErrDropped means
// that none of them was taken.
func (c *Core) handIn(from uint64, entries []*pb.Entry) error {
	size := payload(entries)
	if c.leads() && !c.takesProposals() || !c.fits(size) {
		return ErrDropped // a node's own wait: see Room
	}
	c.stamp(entries)
	err := c.took(size, c.raft.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: new(from), Entries: entries}))
	c.collect()
	return dropped(err)
}

// entriesOf makes entries of proposals, with headers of the version that the cluster is
// at. A member that has not applied the raise yet forwards plain ones for a moment
// longer; they have no stamp.
func (c *Core) entriesOf(proposals []Proposal) []*pb.Entry {
	data, stamped := make([][]byte, len(proposals)), c.stamping()
	for i := range proposals {
		data[i] = withHeader(proposals[i].data, stamped)
	}
	return proposalEntries(data)
}
