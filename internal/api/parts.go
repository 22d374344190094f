package api

import (
	"google.golang.org/grpc/mem"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// A large answer goes to gRPC in parts, of which one is its data as they are: what
// counts among the results of all clients is what is held until it is written. A
// copy would be held beside it, in a buffer of the next size that the pool has.

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
			return parts(appendLength(nil, 1, len(data)), hold(data), appendUint(nil, 2, m.GetIndex())), true
		}
	case *hostv1.ProposeResponse:
		if data := m.GetData(); len(data) > largeAnswer {
			return parts(appendBeforeData(nil, m.GetIndex(), len(data)), hold(data), appendAfterData(nil, m.GetError(), m.GetResultLost())), true
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
	if a.failure != nil || len(a.result.Data) <= resultBatchBytes {
		return nil, false
	}
	head := appendUint(appendLength(nil, 1, a.outer), 1, a.id)
	head = appendBeforeData(appendLength(head, 2, a.inner), a.result.Index, len(a.result.Data))
	return parts(head, mem.SliceBuffer(a.result.Data), appendAfterData(nil, a.result.Error, a.result.Lost)), true
}

func parts(head []byte, data mem.Buffer, tail []byte) mem.BufferSlice {
	s := mem.BufferSlice{mem.SliceBuffer(head), data}
	if len(tail) > 0 {
		s = append(s, mem.SliceBuffer(tail))
	}
	return s
}
