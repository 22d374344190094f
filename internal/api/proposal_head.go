package api

import (
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pontoon-raft/pontoon/internal/fields"
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
	id, data, size, ok := readHead(head[:n], message.Len())
	tail := message.Len() - data - size
	if !ok || tail > tailBytes || data+size < n {
		return 0, 0, false
	}
	if _, err := r.Discard(data + size - n); err != nil {
		return 0, 0, false
	}
	var rest [tailBytes]byte
	n, _ = r.Read(rest[:])
	return id, size, n == tail && onlyTimeouts(rest[:n])
}

// readHead reads the beginning of a batch of one proposal, which is of so many bytes,
// up to its data. It returns where that begins and how long it is.
func readHead(head []byte, total int) (id uint64, data, size int, ok bool) {
	b := head
	tag, n, err := fields.Tag(b)
	if err != nil || tag != 1<<3|fields.Bytes {
		return 0, 0, 0, false
	}
	b = b[n:]
	length, n := protowire.ConsumeVarint(b)
	if n < 0 || length != uint64(total-len(head)+len(b)-n) {
		return 0, 0, 0, false
	}
	for b = b[n:]; len(b) > 0; b = b[n:] {
		if tag, n, err = fields.Tag(b); err != nil {
			return 0, 0, 0, false
		}
		b = b[n:]
		var v uint64
		if v, n = protowire.ConsumeVarint(b); n < 0 {
			return 0, 0, 0, false
		}
		switch tag {
		case 1<<3 | fields.Varint:
			id = v
		case 3<<3 | fields.Varint:
		case 2<<3 | fields.Bytes:
			data = len(head) - len(b) + n
			return id, data, int(v), v <= uint64(total-data)
		default:
			return 0, 0, 0, false
		}
	}
	return 0, 0, 0, false
}

// onlyTimeouts tells whether there is nothing but timeouts: the id before them is the
// last one.
func onlyTimeouts(b []byte) bool {
	w := fields.Over(b)
	for w.Next() {
		if w.Tag != 3<<3|fields.Varint {
			return false
		}
	}
	return w.Err() == nil
}

// begin makes the batch ready for a message that has arrived.
func (p *proposalBatch) begin() {
	p.release()
	p.arrived = time.Now()
}
