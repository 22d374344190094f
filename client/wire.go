package client

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

// streamCodec is the codec of one Proposals call.
type streamCodec struct{}

var _ encoding.CodecV2 = streamCodec{}

// Name implements encoding.CodecV2: to the host this is plain protobuf.
func (streamCodec) Name() string { return grpcproto.Name }

// Marshal implements encoding.CodecV2. The message is encoded already.
func (streamCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(encodedBatch)
	if !ok {
		return nil, fmt.Errorf("encode proposals: unexpected %T", v)
	}
	return mem.BufferSlice{mem.NewBuffer(b.bytes, mem.DefaultBufferPool())}, nil
}

// Unmarshal implements encoding.CodecV2.
func (streamCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*resultBatch)
	if !ok {
		return fmt.Errorf("decode results: unexpected %T", v)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	return b.decode(buf.ReadOnlyData())
}

// encodedBatch is a hostv1.ProposalBatch in a buffer of gRPC's pool.
type encodedBatch struct{ bytes *[]byte }

// A proposalResult is a hostv1.ProposalResult. Its data is a copy.
type proposalResult struct {
	id     uint64
	result Result
	// responded says that there was a response, failure is nil unless there
	// was one.
	responded bool
	failure   *hostv1.Failure
}

// resultBatch is a hostv1.ProposalResultBatch, used again for every message.
type resultBatch struct{ answers []proposalResult }

// decode accepts exactly what protobuf accepts. It keeps nothing of b.
func (r *resultBatch) decode(b []byte) error {
	r.answers = r.answers[:0]
	w := fields.Over(b)
	for proposalwire.NextElement(&w) {
		one, err := proposalwire.DecodeResult(w.Value)
		if err != nil {
			return err
		}
		a := proposalResult{id: one.ID, result: Result(one.Response), responded: one.Responded}
		a.result.Data = append([]byte(nil), one.Response.Data...)
		if one.Failure != nil {
			a.failure = new(hostv1.Failure)
			if err := proto.Unmarshal(one.Failure, a.failure); err != nil {
				return err
			}
		}
		r.answers = append(r.answers, a)
	}
	return w.Err()
}
