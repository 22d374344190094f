package api

import (
	"google.golang.org/grpc/mem"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

// A large answer goes to gRPC in parts, of which one is its data as they are. The
// bytes held until they are written count among the results of all clients. A copy
// would be held beside it, in a buffer of the next size that the pool has.

// partsOf encodes an answer that goes alone, if its data are large. Data that count
// among all results stop counting with the end of their buffer.
func partsOf(v any) (mem.BufferSlice, bool) {
	hold := func(data []byte) mem.Buffer { return mem.SliceBuffer(data) }
	if c, ok := v.(*countedAnswer); ok {
		v, hold = c.message, c.handed.buffer
	}
	switch m := v.(type) {
	case *hostv1.QueryResponse:
		if data := m.GetData(); len(data) > largeAnswer {
			return parts(fields.AppendLength(nil, 1, len(data)), hold(data), fields.AppendVarint(nil, 2, m.GetIndex())), true
		}
	case *hostv1.ProposeResponse:
		if data := m.GetData(); len(data) > largeAnswer {
			r := proposalwire.Response{Index: m.GetIndex(), Data: data, Error: m.GetError(), Lost: m.GetResultLost()}
			return parts(r.AppendHead(nil), hold(data), r.AppendTail(nil)), true
		}
	}
	return nil, false
}

// parts encodes a batch of one large result.
func (r *resultBatch) parts() (mem.BufferSlice, bool) {
	if len(r.answers) != 1 {
		return nil, false
	}
	a := &r.answers[0]
	data := a.Response.Data
	if len(data) <= resultBatchBytes {
		return nil, false
	}
	return parts(a.AppendHead(nil), mem.SliceBuffer(data), a.Response.AppendTail(nil)), true
}

func parts(head []byte, data mem.Buffer, tail []byte) mem.BufferSlice {
	s := mem.BufferSlice{mem.SliceBuffer(head), data}
	if len(tail) > 0 {
		s = append(s, mem.SliceBuffer(tail))
	}
	return s
}
