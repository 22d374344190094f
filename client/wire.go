package client

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// The two messages of the Proposals stream are coded by hand: the same bytes
// as protobuf's, without an object for every proposal.

var (
	errInvalidUTF8 = errors.New("string field contains invalid UTF-8")
	errFieldNumber = errors.New("invalid field number")
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

// proposalSize is the encoded size of a hostv1.Proposal, without its own tag
// and length.
func proposalSize(id uint64, data int, timeoutMs uint32) int {
	size := 0
	if id != 0 {
		size += 1 + protowire.SizeVarint(id)
	}
	if data > 0 {
		size += 1 + protowire.SizeBytes(data)
	}
	if timeoutMs != 0 {
		size += 1 + protowire.SizeVarint(uint64(timeoutMs))
	}
	return size
}

const (
	varintField = byte(protowire.VarintType)
	bytesField  = byte(protowire.BytesType)
)

// appendProposal appends one element of hostv1.ProposalBatch.
func appendProposal(b []byte, id uint64, data []byte, timeoutMs uint32) []byte {
	b = append(b, 1<<3|bytesField)
	b = protowire.AppendVarint(b, uint64(proposalSize(id, len(data), timeoutMs)))
	if id != 0 {
		b = protowire.AppendVarint(append(b, 1<<3|varintField), id)
	}
	if len(data) > 0 {
		b = protowire.AppendBytes(append(b, 2<<3|bytesField), data)
	}
	if timeoutMs != 0 {
		b = protowire.AppendVarint(append(b, 3<<3|varintField), uint64(timeoutMs))
	}
	return b
}

// answer is a hostv1.ProposalResult. Its data is a copy.
type answer struct {
	id     uint64
	result Result
	// responded says that there was a response, failure is nil unless there
	// was one.
	responded bool
	failure   *hostv1.Failure
}

// resultBatch is a hostv1.ProposalResultBatch, used again for every message.
type resultBatch struct{ answers []answer }

// decode accepts exactly what protobuf accepts. It keeps nothing of b.
func (r *resultBatch) decode(b []byte) error {
	r.answers = r.answers[:0]
	return eachField(b, func(num protowire.Number, typ protowire.Type, _ uint64, value []byte) error {
		if num != 1 || typ != protowire.BytesType {
			return nil
		}
		r.answers = append(r.answers, answer{})
		return r.answers[len(r.answers)-1].decode(value)
	})
}

func (a *answer) decode(b []byte) error {
	return eachField(b, func(num protowire.Number, typ protowire.Type, v uint64, value []byte) error {
		switch {
		case num == 1 && typ == protowire.VarintType:
			a.id = v
		case num == 2 && typ == protowire.BytesType:
			a.responded = true
			return a.decodeResponse(value)
		case num == 3 && typ == protowire.BytesType:
			if a.failure == nil {
				a.failure = new(hostv1.Failure)
			}
			return proto.UnmarshalOptions{Merge: true}.Unmarshal(value, a.failure)
		}
		return nil
	})
}

func (a *answer) decodeResponse(b []byte) error {
	return eachField(b, func(num protowire.Number, typ protowire.Type, v uint64, value []byte) error {
		switch {
		case num == 1 && typ == protowire.VarintType:
			a.result.Index = v
		case num == 2 && typ == protowire.BytesType:
			a.result.Data = append([]byte(nil), value...)
		case num == 3 && typ == protowire.BytesType:
			if !utf8.Valid(value) {
				return errInvalidUTF8
			}
			a.result.Error = string(value)
		case num == 4 && typ == protowire.VarintType:
			a.result.Lost = v != 0
		}
		return nil
	})
}

// eachField calls f for every field of a message with its varint or its bytes.
func eachField(b []byte, f func(num protowire.Number, typ protowire.Type, v uint64, value []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if num > protowire.MaxValidNumber {
			return errFieldNumber
		}
		b = b[n:]
		var v uint64
		var value []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(num, typ, v, value); err != nil {
			return err
		}
	}
	return nil
}
