package node

import (
	"errors"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// maxHeldBytes bounds the forwarded proposals that wait for a leader.
const maxHeldBytes = 4 << 20

// heldProposals are proposals that peers have forwarded here and that raft did
// not take: leadership is being transferred, or the next leader is not known
// yet. Their origin cannot see that, and would wait for nothing until its
// timeout. What raft has dropped is in no log, so it may be handed in again: a
// leader takes it then, anybody else passes it on.
type heldProposals struct {
	messages []heldProposal
	bytes    int
	ticks    uint64 // raft's clock
}

type heldProposal struct {
	message *pb.Message
	size    int // when it came: part of it may have been taken since
	since   uint64
}

// add keeps a dropped message if there is room; false if there is none.
func (h *heldProposals) add(m *pb.Message) bool {
	size := proposalBytes(m)
	if h.bytes+size > maxHeldBytes {
		return false
	}
	h.messages = append(h.messages, heldProposal{m, size, h.ticks})
	h.bytes += size
	return true
}

// tick gives out what has waited for longer than an election.
func (h *heldProposals) tick(election int) (over []*pb.Message) {
	h.ticks++
	for len(h.messages) > 0 && h.ticks-h.messages[0].since > uint64(election) {
		over = append(over, h.pop())
	}
	return over
}

func (h *heldProposals) pop() *pb.Message {
	m := h.messages[0].message
	h.bytes -= h.messages[0].size
	h.messages[0].message = nil
	if h.messages = h.messages[1:]; len(h.messages) == 0 {
		h.messages = nil
	}
	return m
}

func proposalBytes(m *pb.Message) (size int) {
	for _, e := range m.GetEntries() {
		size += len(e.GetData()) + entryOverhead
	}
	return size
}

// stepHeld hands in again what was held, in order, if raft may take it now.
// Only ErrFailed is returned.
func (n *Node) stepHeld() error {
	for len(n.held.messages) > 0 {
		if st := n.core.raft.BasicStatus(); st.Lead == raft.None || st.LeadTransferee != raft.None {
			return nil
		}
		err := n.core.Step(n.held.messages[0].message)
		switch {
		case errors.Is(err, ErrFailed):
			return err
		case errors.Is(err, ErrDropped):
			return nil
		case err != nil: // what its sender says does not count any more
			n.drop(requestsOf(n.held.messages[0].message))
		}
		n.held.pop()
	}
	return nil
}
