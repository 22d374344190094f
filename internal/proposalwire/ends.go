package proposalwire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pontoon-raft/pontoon/internal/fields"
)

// A host judges a batch of one large proposal by what stands before and after its
// data, before its bytes are in one place.

// Head reads the beginning of a batch of one proposal, which is of total bytes, up to
// the proposal's data. It returns where that begins in the batch and how long it is, and
// reports false for any other batch.
func Head(head []byte, total int) (id uint64, data, size int, ok bool) {
	b := head
	tag, n, err := fields.Tag(b)
	if err != nil || tag != batchElements<<3|fields.Bytes {
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
		case proposalID<<3 | fields.Varint:
			id = v
		case proposalTimeout<<3 | fields.Varint:
		case proposalData<<3 | fields.Bytes:
			data = len(head) - len(b) + n
			return id, data, int(v), v <= uint64(total-data)
		default:
			return 0, 0, 0, false
		}
	}
	return 0, 0, 0, false
}

// Tail tells whether what follows a proposal's data is nothing but timeouts: then the
// id before them is the last one.
func Tail(b []byte) bool {
	w := fields.Over(b)
	for w.Next() {
		if w.Tag != proposalTimeout<<3|fields.Varint {
			return false
		}
	}
	return w.Err() == nil
}
