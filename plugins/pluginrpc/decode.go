package pluginrpc

import (
	"bytes"
	"encoding/binary"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// The messages of the two busiest streams are decoded here: one allocation for
// all bytes of a message, which its entries or envelopes then share, instead
// of one for each. Generated code decodes everything else, and everything that
// is not exactly what generated code encodes: a field that is unknown, of
// another type or cut off. So the two can differ in speed only (see
// FuzzDecode).
//
// Sharing is right where all parts live and die together, as a batch does in a
// store's queue. It would be wrong for the entries of an Apply: a state machine
// may keep one small value and with it, for ever, all the others that came
// along.

// shared decodes a copy of b into v if v is one of those messages. If it
// returns false v is unchanged. v must be zero.
func shared(b []byte, v Message) bool {
	switch m := v.(type) {
	case *pluginv1.AppendRequest:
		var out pluginv1.AppendRequest
		if !decodeAppend(bytes.Clone(b), &out) {
			return false
		}
		*m = out
	case *pluginv1.RaftOutbound:
		var out pluginv1.RaftOutbound
		if !decodeOutbound(bytes.Clone(b), &out) {
			return false
		}
		*m = out
	case *pluginv1.RaftInbound:
		var out pluginv1.RaftInbound
		if !decodeInbound(bytes.Clone(b), &out) {
			return false
		}
		*m = out
	default:
		return false
	}
	return true
}

// Tags: field number and wire type, as one byte.
const (
	tag1Varint, tag1Bytes = 1 << 3, 1<<3 | 2
	tag2Varint, tag2Bytes = 2 << 3, 2<<3 | 2
	tag3Varint, tag3Bytes = 3 << 3, 3<<3 | 2
	tag4Varint, tag4Bytes = 4 << 3, 4<<3 | 2
	tag5Varint, tag5Bytes = 5 << 3, 5<<3 | 2
)

// fields walks over an encoded message whose tags fit a byte.
type fields struct {
	rest   []byte
	tag    byte
	varint uint64
	bytes  []byte // shares the message's memory, with no room behind it
	bad    bool
}

// next moves to the next field; false at the end, or when bad is set.
func (f *fields) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	f.tag = f.rest[0]
	value, n := binary.Uvarint(f.rest[1:])
	if n <= 0 || f.tag >= 0x80 {
		return f.fail()
	}
	f.rest = f.rest[1+n:]
	switch f.tag & 7 {
	case 0:
		f.varint = value
	case 2:
		if value > uint64(len(f.rest)) {
			return f.fail()
		}
		f.bytes, f.rest = f.rest[:value:value], f.rest[value:]
	default:
		return f.fail()
	}
	return true
}

func (f *fields) fail() bool {
	f.bad = true
	return false
}

// count is how often tag occurs in an encoded message.
func count(b []byte, tag byte) int {
	n := 0
	for f := (fields{rest: b}); f.next(); {
		if f.tag == tag {
			n++
		}
	}
	return n
}

func decodeAppend(b []byte, m *pluginv1.AppendRequest) bool {
	if n := count(b, tag3Bytes); n > 0 {
		m.Entries = make([]pluginv1.Entry, 0, n)
	}
	f := fields{rest: b}
	for f.next() {
		switch f.tag {
		case tag1Bytes:
			f.bad = m.Call.Unmarshal(f.bytes) != nil
		case tag2Varint:
			m.Seq = f.varint
		case tag3Bytes:
			m.Entries = append(m.Entries, pluginv1.Entry{})
			f.bad = !decodeEntry(f.bytes, &m.Entries[len(m.Entries)-1])
		case tag4Bytes:
			f.bad = m.HardState.Unmarshal(f.bytes) != nil
		case tag5Varint:
			m.MustSync = f.varint != 0
		default:
			f.bad = true
		}
		if f.bad {
			return false
		}
	}
	return !f.bad
}

func decodeEntry(b []byte, e *pluginv1.Entry) bool {
	f := fields{rest: b}
	for f.next() {
		switch f.tag {
		case tag1Varint:
			e.Type = pluginv1.EntryType(f.varint)
		case tag2Varint:
			e.Term = f.varint
		case tag3Varint:
			e.Index = f.varint
		case tag4Bytes:
			e.Data = f.bytes
		default:
			return false
		}
	}
	return !f.bad
}

func decodeOutbound(b []byte, m *pluginv1.RaftOutbound) bool {
	if n := count(b, tag2Bytes); n > 0 {
		m.Envelopes = make([]pluginv1.Envelope, 0, n)
	}
	f := fields{rest: b}
	for f.next() {
		switch f.tag {
		case tag1Bytes:
			f.bad = m.Call.Unmarshal(f.bytes) != nil
		case tag2Bytes:
			m.Envelopes = append(m.Envelopes, pluginv1.Envelope{})
			f.bad = !decodeEnvelope(f.bytes, &m.Envelopes[len(m.Envelopes)-1])
		case tag3Varint:
			m.Heard = f.varint
		default:
			f.bad = true
		}
		if f.bad {
			return false
		}
	}
	return !f.bad
}

func decodeInbound(b []byte, m *pluginv1.RaftInbound) bool {
	if n := count(b, tag1Bytes); n > 0 {
		m.Envelopes = make([]pluginv1.Envelope, 0, n)
	}
	f := fields{rest: b}
	for f.next() {
		switch f.tag {
		case tag1Bytes:
			m.Envelopes = append(m.Envelopes, pluginv1.Envelope{})
			f.bad = !decodeEnvelope(f.bytes, &m.Envelopes[len(m.Envelopes)-1])
		case tag2Bytes:
			m.Events = append(m.Events, pluginv1.Event{})
			f.bad = m.Events[len(m.Events)-1].Unmarshal(f.bytes) != nil
		default:
			f.bad = true
		}
		if f.bad {
			return false
		}
	}
	return !f.bad
}

func decodeEnvelope(b []byte, e *pluginv1.Envelope) bool {
	f := fields{rest: b}
	for f.next() {
		switch f.tag {
		case tag1Varint:
			e.Group = f.varint
		case tag2Varint:
			e.To = f.varint
		case tag3Varint:
			e.From = f.varint
		case tag4Varint:
			e.Class = pluginv1.MessageClass(f.varint)
		case tag5Bytes:
			e.Payload = f.bytes
		default:
			return false
		}
	}
	return !f.bad
}

// decodeAnswer decodes b, which it keeps: an answer is little more than its data,
// and may be large. It must be zero but for room in its data.
func decodeAnswer(b []byte, m *pluginv1.QueryResponse) error {
	var out pluginv1.QueryResponse
	f := fields{rest: b}
	for f.next() {
		if f.tag != tag1Bytes {
			return generated(b, m)
		}
		out.Data = f.bytes
	}
	if f.bad {
		return generated(b, m)
	}
	*m = out
	return nil
}
