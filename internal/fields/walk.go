// Package fields walks over an encoded protobuf message field by field, without
// generated code and without a copy. The decoders of the messages that are too
// frequent, or too large, for generated code stand on it.
package fields

import (
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Wire types of which callers speak. The tag of field n is n<<3 with one of them.
const (
	Varint     = uint32(protowire.VarintType)
	Bytes      = uint32(protowire.BytesType)
	StartGroup = uint32(protowire.StartGroupType)
)

const typeBits = 3

var errNumber = errors.New("invalid field number")

// A Walk goes over the fields of one message. It accepts what proto.Unmarshal
// accepts of a message whose fields it does not know, and nothing else. It
// allocates nothing.
type Walk struct {
	// Tag is that of the field: its number and its wire type.
	Tag uint32
	// Varint is the value of a field of that type.
	Varint uint64
	// Value has the bytes of a field of any other type. It is a slice of the message, and
	// its capacity reaches to the message's: that tells where it begins, and an append
	// to it would change the next field. Code that hands it on clips it.
	Value []byte

	rest []byte
	err  error
}

// Over begins a walk over message. Next moves to the first field.
func Over(message []byte) Walk { return Walk{rest: message} }

// Number is that of the field.
func (w *Walk) Number() uint32 { return w.Tag >> typeBits }

// Type is the wire type of the field.
func (w *Walk) Type() uint32 { return w.Tag & (1<<typeBits - 1) }

// Err says why Next returned false: nil at the end of the message.
func (w *Walk) Err() error { return w.err }

// Next moves to the next field. It returns false at the end of the message and
// where the message is malformed.
func (w *Walk) Next() bool {
	if len(w.rest) == 0 {
		return false
	}
	tag, n, err := Tag(w.rest)
	if err != nil {
		return w.fail(err)
	}
	w.Tag, w.rest = tag, w.rest[n:]
	switch w.Type() {
	case Varint:
		w.Varint, n = protowire.ConsumeVarint(w.rest)
	case Bytes:
		w.Value, n = protowire.ConsumeBytes(w.rest)
	default:
		n = protowire.ConsumeFieldValue(protowire.Number(w.Number()), protowire.Type(w.Type()), w.rest)
		w.Value = w.rest[:max(n, 0)]
	}
	if n < 0 {
		return w.fail(protowire.ParseError(n))
	}
	w.rest = w.rest[n:]
	return true
}

func (w *Walk) fail(err error) bool {
	w.rest, w.err = nil, err
	return false
}

// Tag reads the tag that b begins with and says how many bytes it has.
func Tag(b []byte) (tag uint32, n int, err error) {
	if len(b) == 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	v, n := uint64(b[0]), 1
	if v >= 0x80 {
		if v, n = protowire.ConsumeVarint(b); n < 0 {
			return 0, 0, protowire.ParseError(n)
		}
	}
	if number := v >> typeBits; number < uint64(protowire.MinValidNumber) || number > uint64(protowire.MaxValidNumber) {
		return 0, 0, errNumber
	}
	return uint32(v), n, nil
}
