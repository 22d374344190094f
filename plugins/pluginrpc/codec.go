package pluginrpc

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the fallback codec
	"google.golang.org/grpc/mem"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Message is what gogofaster generates for every message of api/plugin/v1.
type Message interface {
	// Size is how many bytes the message has when encoded.
	Size() int
	// MarshalToSizedBuffer encodes the message into the end of b and returns
	// how many bytes that were.
	MarshalToSizedBuffer(b []byte) (int, error)
	// Unmarshal decodes b, of which nothing is kept.
	Unmarshal(b []byte) error
}

// codec encodes gogo messages with their generated code into pooled buffers.
// Other messages (go-plugin's own, health, reflection) go through gRPC's
// codec. It is set per connection, never registered for the process, so that
// it does not change what other gRPC users in a plugin's process get.
type codec struct {
	pool     mem.BufferPool
	fallback encoding.CodecV2
}

// Codec returns the codec of plugin connections.
func Codec() encoding.CodecV2 {
	return codec{pool: mem.DefaultBufferPool(), fallback: encoding.GetCodecV2("proto")}
}

// Name implements encoding.CodecV2: on the wire it is plain protobuf.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2. The message is encoded before it
// returns, so the caller may reuse it.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(Message)
	if !ok {
		return c.fallback.Marshal(v)
	}
	size := m.Size()
	if mem.IsBelowBufferPoolingThreshold(size) {
		b := make([]byte, size)
		n, err := m.MarshalToSizedBuffer(b)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", v, err)
		}
		return mem.BufferSlice{mem.SliceBuffer(b[size-n:])}, nil
	}
	buf := c.pool.Get(size)
	if n, err := m.MarshalToSizedBuffer((*buf)[:size]); err != nil || n != size {
		c.pool.Put(buf)
		return nil, fmt.Errorf("encode %T: %d of %d bytes: %w", v, n, size, err)
	}
	return mem.BufferSlice{mem.NewBuffer(buf, c.pool)}, nil
}

// Unmarshal implements encoding.CodecV2. Nothing of data is kept.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(Message)
	if !ok {
		return c.fallback.Unmarshal(data, v)
	}
	if a, ok := v.(*pluginv1.QueryResponse); ok {
		return decodeAnswer(data.Materialize(), a)
	}
	buf := data.MaterializeToBuffer(c.pool)
	defer buf.Free()
	return Decode(buf.ReadOnlyData(), m)
}

// Decode decodes b into m, which must be zero but for room in byte fields: that
// is used again. Nothing of b is kept: generated code copies byte fields, and
// shared copies the whole. An answer of a plugin whose elements would take far more
// memory than its bytes is plugins.ErrBadAnswer.
func Decode(b []byte, m Message) error {
	if err := weigh(b, m); err != nil {
		return err
	}
	if shared(b, m) {
		return nil
	}
	return generated(b, m)
}

func generated(b []byte, m Message) error {
	if err := m.Unmarshal(b); err != nil {
		return fmt.Errorf("decode %T of %d bytes: %w", m, len(b), err)
	}
	return nil
}
