//go:build linux

package e2e

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pontoon-raft/pontoon/client/kv"
)

// A loadMessage is a ProposalBatch of one proposal on its way out. Its value is
// encoded once for all: the generator copies none of its bytes, so that it takes from
// the hosts no more of the machine than it must.
type loadMessage struct{ head, value, tail []byte }

// loadValue is a value of the load, as it stands in a message.
type loadValue []byte

// newLoadMessage has the bytes that protobuf would make.
func newLoadMessage(id uint64, value loadValue, timeoutMs uint32) *loadMessage {
	head := protowire.AppendVarint([]byte{1 << 3}, id)
	head = protowire.AppendVarint(append(head, 2<<3|byte(protowire.BytesType)), uint64(len(value)))
	tail := protowire.AppendVarint([]byte{3 << 3}, uint64(timeoutMs))
	size := len(head) + len(value) + len(tail)
	outer := protowire.AppendVarint([]byte{1<<3 | byte(protowire.BytesType)}, uint64(size))
	return &loadMessage{head: append(outer, head...), value: value, tail: tail}
}

// loadCodec sends a loadMessage, and receives as gRPC does.
type loadCodec struct{ encoding.CodecV2 }

func newLoadCodec() loadCodec { return loadCodec{encoding.GetCodecV2(grpcproto.Name)} }

func (c loadCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*loadMessage)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	return mem.BufferSlice{mem.SliceBuffer(m.head), mem.SliceBuffer(m.value), mem.SliceBuffer(m.tail)}, nil
}

// loadValues are writes of all sizes, encoded.
func loadValues() (values []loadValue) {
	const steps = 64
	for i := range steps {
		size := spread(smallestValue, largestValue, float64(i)/(steps-1))
		values = append(values, kv.EncodePut(fmt.Append(nil, i%loadKeys), make([]byte, int(size))))
	}
	return values
}
