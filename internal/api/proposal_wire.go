package api

import (
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// A proposal is hostv1.Proposal as it is decoded here. Its data points into
// the batch's bytes, and is gone with them.
type proposal struct {
	id      uint64
	data    []byte
	timeout time.Duration
}

// size is what the proposal counts for.
func (p *proposal) size() int { return len(p.data) + proposalOverhead }

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

// decode reads a batch of at most limit proposals and keeps b's bytes. It
// accepts exactly what protobuf accepts: unknown fields are skipped and the
// last of repeated scalars wins.
func (p *proposalBatch) decode(b []byte, limit int) error {
	for len(b) > 0 {
		num, typ, n := consumeTag(b)
		if n < 0 {
			return malformed("batch of proposals: %v", protowire.ParseError(n))
		}
		b = b[n:]
		if num != 1 || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return malformed("batch of proposals: %v", protowire.ParseError(n))
			}
			b = b[n:]
			continue
		}
		inner, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return malformed("batch of proposals: %v", protowire.ParseError(n))
		}
		b = b[n:]
		if len(p.proposals) >= limit {
			return malformed("batch of more than %d proposals", limit)
		}
		one, err := decodeProposal(inner)
		if err != nil {
			return err
		}
		p.proposals = append(p.proposals, one)
	}
	return nil
}

func decodeProposal(b []byte) (proposal, error) {
	var p proposal
	for len(b) > 0 {
		num, typ, n := consumeTag(b)
		if n < 0 {
			return p, malformed("proposal: %v", protowire.ParseError(n))
		}
		b = b[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			p.id, n = protowire.ConsumeVarint(b)
		case num == 2 && typ == protowire.BytesType:
			p.data, n = protowire.ConsumeBytes(b)
			// The service may append; that must not reach its neighbour.
			p.data = p.data[:len(p.data):len(p.data)]
		case num == 3 && typ == protowire.VarintType:
			var ms uint64
			ms, n = protowire.ConsumeVarint(b)
			p.timeout = time.Duration(uint32(ms)) * time.Millisecond
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return p, malformed("proposal: %v", protowire.ParseError(n))
		}
		b = b[n:]
	}
	return p, nil
}

// consumeTag is protowire.ConsumeTag, refusing field numbers above the valid
// range as protobuf does.
func consumeTag(b []byte) (protowire.Number, protowire.Type, int) {
	num, typ, n := protowire.ConsumeTag(b)
	if n >= 0 && num > protowire.MaxValidNumber {
		// Any parse error does: this one says "invalid field number".
		_, _, n = protowire.ConsumeTag([]byte{0})
	}
	return num, typ, n
}
