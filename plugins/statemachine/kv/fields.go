package kv

import "google.golang.org/protobuf/encoding/protowire"

// fields reads the fields of one message in place. It accepts exactly the
// bytes that proto.Unmarshal accepts for the messages of api/kv/v1, which have
// no strings and no required fields; what it returns aliases the input.
type fields struct {
	rest []byte
	bad  bool
	num  protowire.Number
	typ  protowire.Type
	// raw is the value of a field of BytesType, num64 that of a VarintType.
	raw   []byte
	num64 uint64
}

// next moves to the next field. It returns false at the end of the message,
// or at the first malformed byte, and then bad is set.
func (f *fields) next() bool {
	if len(f.rest) == 0 || f.bad {
		return false
	}
	num, typ, n := protowire.ConsumeTag(f.rest)
	if n < 0 || num > protowire.MaxValidNumber {
		f.bad = true
		return false
	}
	f.num, f.typ, f.rest = num, typ, f.rest[n:]
	switch typ {
	case protowire.BytesType:
		f.raw, n = protowire.ConsumeBytes(f.rest)
	case protowire.VarintType:
		f.num64, n = protowire.ConsumeVarint(f.rest)
	default:
		n = protowire.ConsumeFieldValue(num, typ, f.rest)
	}
	if n < 0 {
		f.bad = true
		return false
	}
	f.rest = f.rest[n:]
	return true
}

// bytes returns the field's value if it is number num with a length.
func (f *fields) bytes(num protowire.Number) ([]byte, bool) {
	return f.raw, f.num == num && f.typ == protowire.BytesType
}

// varint returns the field's value if it is number num with a varint.
func (f *fields) varint(num protowire.Number) (uint64, bool) {
	return f.num64, f.num == num && f.typ == protowire.VarintType
}
