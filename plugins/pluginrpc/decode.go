package pluginrpc

import (
	"bytes"
	"slices"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
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

// count is how often tag occurs in an encoded message.
func count(b []byte, tag uint32) int {
	n := 0
	for w := fields.Over(b); w.Next(); {
		if w.Tag == tag {
			n++
		}
	}
	return n
}

// Each decoder below reports whether b has nothing but fields that it knows.

func decodeAppend(b []byte, m *pluginv1.AppendRequest) bool {
	if n := count(b, 3<<3|fields.Bytes); n > 0 {
		m.Entries = make([]pluginv1.Entry, 0, n)
	}
	w, ok := fields.Over(b), true
	for w.Next() {
		switch w.Tag {
		case 1<<3 | fields.Bytes:
			ok = m.Call.Unmarshal(w.Value) == nil
		case 2<<3 | fields.Varint:
			m.Seq = w.Varint
		case 3<<3 | fields.Bytes:
			m.Entries = append(m.Entries, pluginv1.Entry{})
			ok = decodeEntry(w.Value, &m.Entries[len(m.Entries)-1])
		case 4<<3 | fields.Bytes:
			ok = m.HardState.Unmarshal(w.Value) == nil
		case 5<<3 | fields.Varint:
			m.MustSync = w.Varint != 0
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return w.Err() == nil
}

func decodeEntry(b []byte, e *pluginv1.Entry) bool {
	w := fields.Over(b)
	for w.Next() {
		switch w.Tag {
		case 1<<3 | fields.Varint:
			e.Type = pluginv1.EntryType(w.Varint)
		case 2<<3 | fields.Varint:
			e.Term = w.Varint
		case 3<<3 | fields.Varint:
			e.Index = w.Varint
		case 4<<3 | fields.Bytes:
			e.Data = slices.Clip(w.Value)
		default:
			return false
		}
	}
	return w.Err() == nil
}

func decodeOutbound(b []byte, m *pluginv1.RaftOutbound) bool {
	if n := count(b, 2<<3|fields.Bytes); n > 0 {
		m.Envelopes = make([]pluginv1.Envelope, 0, n)
	}
	w, ok := fields.Over(b), true
	for w.Next() {
		switch w.Tag {
		case 1<<3 | fields.Bytes:
			ok = m.Call.Unmarshal(w.Value) == nil
		case 2<<3 | fields.Bytes:
			m.Envelopes = append(m.Envelopes, pluginv1.Envelope{})
			ok = decodeEnvelope(w.Value, &m.Envelopes[len(m.Envelopes)-1])
		case 3<<3 | fields.Varint:
			m.Heard = w.Varint
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return w.Err() == nil
}

func decodeInbound(b []byte, m *pluginv1.RaftInbound) bool {
	if n := count(b, 1<<3|fields.Bytes); n > 0 {
		m.Envelopes = make([]pluginv1.Envelope, 0, n)
	}
	w, ok := fields.Over(b), true
	for w.Next() {
		switch w.Tag {
		case 1<<3 | fields.Bytes:
			m.Envelopes = append(m.Envelopes, pluginv1.Envelope{})
			ok = decodeEnvelope(w.Value, &m.Envelopes[len(m.Envelopes)-1])
		case 2<<3 | fields.Bytes:
			m.Events = append(m.Events, pluginv1.Event{})
			ok = m.Events[len(m.Events)-1].Unmarshal(w.Value) == nil
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return w.Err() == nil
}

func decodeEnvelope(b []byte, e *pluginv1.Envelope) bool {
	w := fields.Over(b)
	for w.Next() {
		switch w.Tag {
		case 1<<3 | fields.Varint:
			e.Group = w.Varint
		case 2<<3 | fields.Varint:
			e.To = w.Varint
		case 3<<3 | fields.Varint:
			e.From = w.Varint
		case 4<<3 | fields.Varint:
			e.Class = pluginv1.MessageClass(w.Varint)
		case 5<<3 | fields.Bytes:
			e.Payload = slices.Clip(w.Value)
		default:
			return false
		}
	}
	return w.Err() == nil
}

// decodeAnswer decodes b, which it keeps: an answer is little more than its data,
// and may be large. It must be zero but for room in its data.
func decodeAnswer(b []byte, m *pluginv1.QueryResponse) error {
	var out pluginv1.QueryResponse
	w := fields.Over(b)
	for w.Next() {
		if w.Tag != 1<<3|fields.Bytes {
			return generated(b, m)
		}
		out.Data = slices.Clip(w.Value)
	}
	if w.Err() != nil {
		return generated(b, m)
	}
	*m = out
	return nil
}
