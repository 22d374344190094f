package api

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// codec is gRPC's protobuf codec with three additions: the two messages of the
// Proposals stream are coded by hand (the same bytes, less work), large answers
// without a copy of their data, and a request that is too large or malformed is
// kept as an error for the handler instead of ending the call without a Failure.
type codec struct {
	proto encoding.CodecV2
	// messageBytes is the largest request that is decoded, batchCount the
	// most proposals of one batch.
	messageBytes, batchCount int
	buffers                  mem.BufferPool
}

func newCodec(l Limits, buffers mem.BufferPool) *codec {
	return &codec{
		buffers:      buffers,
		proto:        encoding.GetCodecV2(grpcproto.Name),
		messageBytes: l.messageBytes(),
		batchCount:   l.MaxInFlight,
	}
}

// An intake receives one unary request. Err says why there is none.
type intake struct {
	into any
	err  error
}

// Name implements encoding.CodecV2.
func (c *codec) Name() string { return grpcproto.Name }

// Marshal implements encoding.CodecV2.
func (c *codec) Marshal(v any) (mem.BufferSlice, error) {
	if results, ok := v.(*resultBatch); ok {
		return results.encode(c.buffers), nil
	}
	if large, ok := partsOf(v); ok {
		return large, nil
	}
	if a, ok := v.(*countedAnswer); ok {
		return c.marshal(a.message, func(text []byte) mem.Buffer { return a.handed.buffer(text) })
	}
	return c.marshal(v, func(text []byte) mem.Buffer { return mem.SliceBuffer(text) })
}

// marshal encodes a message that is of no other kind. gRPC's own codec takes a buffer
// of its pool for that, which is of a MiB from 32 KiB on, and is held until the client
// has taken the answer.
func (c *codec) marshal(v any, hold func([]byte) mem.Buffer) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("encode answer: %T is not a message", v)
	}
	text, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return mem.BufferSlice{hold(text)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch v := v.(type) {
	case *proposalBatch:
		v.err = c.decodeBatch(data, v)
		return nil
	case *intake:
		v.err = c.decodeRequest(data, v.into)
		return nil
	}
	return c.proto.Unmarshal(data, v)
}

func (c *codec) decodeBatch(data mem.BufferSlice, b *proposalBatch) error {
	b.begin()
	if n := data.Len(); n > c.messageBytes {
		return tooLarge("batch of proposals", n, c.messageBytes)
	}
	if b.refuseEarly(data) {
		return nil
	}
	b.held = data.MaterializeToBuffer(c.buffers)
	return b.decode(b.held.ReadOnlyData(), c.batchCount)
}

func (c *codec) decodeRequest(data mem.BufferSlice, into any) error {
	if n := data.Len(); n > c.messageBytes {
		return tooLarge("request", n, c.messageBytes)
	}
	m, ok := into.(proto.Message)
	if !ok {
		return fmt.Errorf("decode request: %T is not a message", into)
	}
	buf := data.MaterializeToBuffer(c.buffers)
	defer buf.Free()
	if err := proto.Unmarshal(buf.ReadOnlyData(), m); err != nil {
		return malformed("%v", err)
	}
	return nil
}
