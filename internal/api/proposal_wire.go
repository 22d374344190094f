package api

import (
	"time"

	"google.golang.org/grpc/mem"

	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

// A proposal is hostv1.Proposal as it is decoded here. Its data points into
// the batch's bytes, and is gone with them.
type proposal struct{ proposalwire.Proposal }

// size is what the proposal counts for.
func (p *proposal) size() int { return len(p.Data) + proposalOverhead }

// timeout is how long its client waits; 0 means this host's default.
func (p *proposal) timeout() time.Duration { return time.Duration(p.TimeoutMs) * time.Millisecond }

// A proposalBatch is hostv1.ProposalBatch. It is used again for every message
// of a stream; err says that the last message is not to be used.
type proposalBatch struct {
	proposals []proposal
	// full says why there is no room for a value of so many bytes, nil if there is.
	full func(bytes int) error
	// refused are those of the last message for which there was none, or which the
	// client's role does not allow.
	refused []refusedProposal
	arrived time.Time // when the last message was there
	err     error
	held    mem.Buffer // the batch's bytes, which are gRPC's; nil if there are none
}

// useless is 1 for a message without a proposal. It costs its stream as much as one with
// a refusal does: any number of them fit into a frame.
func (p *proposalBatch) useless() int {
	if len(p.proposals)+len(p.refused) > 0 {
		return 0
	}
	return 1
}

// spareProposals is how many proposals an empty batch has room for at most.
const spareProposals = 1024

// release gives the bytes back. No proposal of the batch may be used any more.
func (p *proposalBatch) release() {
	clear(p.proposals)
	if p.proposals = p.proposals[:0]; cap(p.proposals) > spareProposals {
		p.proposals = nil
	}
	clear(p.refused)
	if p.refused = p.refused[:0]; cap(p.refused) > spareProposals {
		p.refused = nil
	}
	if p.held != nil {
		p.held.Free()
		p.held = nil
	}
}

// decode reads a batch of at most limit proposals and keeps b's bytes.
func (p *proposalBatch) decode(b []byte, limit int) error {
	w := fields.Over(b)
	for proposalwire.NextElement(&w) {
		if len(p.proposals) >= limit {
			return malformed("batch of more than %d proposals", limit)
		}
		one, err := proposalwire.DecodeProposal(w.Value)
		if err != nil {
			return malformed("proposal: %v", err)
		}
		p.proposals = append(p.proposals, proposal{one})
	}
	if err := w.Err(); err != nil {
		return malformed("batch of proposals: %v", err)
	}
	return nil
}
