package api

import (
	"time"

	"google.golang.org/grpc/mem"

	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

const (
	// earlyBytes is from which size on a message is looked into before its bytes are
	// put together in one place: below it that costs next to nothing.
	earlyBytes = 32 << 10
	// headBytes has the lengths and the numbers of a batch of one proposal, before its
	// data, and tailBytes those after it.
	headBytes, tailBytes = 64, 16
)

// A refusedProposal was refused before the batch was counted.
type refusedProposal struct {
	id  uint64
	err error
}

// refuseEarly refuses a batch of one large proposal for which there is no room, by
// what stands before and after its data. It reports false for anything else, also
// for what it does not understand.
func (p *proposalBatch) refuseEarly(message mem.BufferSlice) bool {
	if p.full == nil || message.Len() < earlyBytes {
		return false
	}
	id, size, ok := readEnds(message)
	if !ok {
		return false
	}
	err := p.full(size)
	if err == nil {
		return false
	}
	p.refused = append(p.refused, refusedProposal{id, err})
	return true
}

// readEnds reads the id and the size of the data of a batch of one proposal.
func readEnds(message mem.BufferSlice) (id uint64, size int, ok bool) {
	r := message.Reader()
	defer r.Close()
	var head [headBytes]byte
	n, _ := r.Read(head[:])
	id, data, size, ok := proposalwire.Head(head[:n], message.Len())
	tail := message.Len() - data - size
	if !ok || tail > tailBytes || data+size < n {
		return 0, 0, false
	}
	if _, err := r.Discard(data + size - n); err != nil {
		return 0, 0, false
	}
	var rest [tailBytes]byte
	n, _ = r.Read(rest[:])
	return id, size, n == tail && proposalwire.Tail(rest[:n])
}

// begin makes the batch ready for a message that has arrived.
func (p *proposalBatch) begin() {
	p.release()
	p.arrived = time.Now()
}
