package transporttest

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// classes are those that may be sent.
var classes = [...]pluginv1.MessageClass{
	pluginv1.MessageClass_CLASS_CONTROL, pluginv1.MessageClass_CLASS_APPEND, pluginv1.MessageClass_CLASS_PROPOSAL,
}

// Types of raft messages, as raftpb numbers them.
const (
	typeProp      = 2
	typeApp       = 3
	typeSnap      = 7
	typeHeartbeat = 8
)

// A series makes messages that differ from all others of the process.
var series atomic.Uint64

// newMessage makes a message with size bytes of entries or context.
func newMessage(from, to uint64, class pluginv1.MessageClass, size int) transport.Envelope {
	number := series.Add(1)
	content := bytes.Repeat([]byte{byte(number)}, max(size, 8))
	binary.BigEndian.PutUint64(content, number)
	m := pluginv1.Message{From: from, To: to, Term: 2}
	switch class {
	case pluginv1.MessageClass_CLASS_APPEND:
		m.Type, m.LogTerm, m.Index, m.Commit = typeApp, 2, number, number-1
		m.Entries = []pluginv1.Entry{{Term: 2, Index: number + 1, Data: content}}
	case pluginv1.MessageClass_CLASS_PROPOSAL:
		m.Type, m.Entries = typeProp, []pluginv1.Entry{{Data: content}}
	default:
		m.Type, m.Commit, m.Context = typeHeartbeat, number, content
	}
	return envelope(class, m)
}

// newProbe makes a small message.
func newProbe(from, to uint64, class pluginv1.MessageClass) transport.Envelope {
	return newMessage(from, to, class, 8)
}

func envelope(class pluginv1.MessageClass, m pluginv1.Message) transport.Envelope {
	payload, err := m.Marshal()
	if err != nil {
		panic("transporttest: " + err.Error()) // a message made here
	}
	return transport.Envelope{Group: testGroup, To: m.To, From: m.From, Class: class, Payload: payload}
}

// meaning is equal for payloads that encode equal messages. A transport that
// speaks another system's protocol may encode a message anew.
func meaning(payload []byte) string {
	var m pluginv1.Message
	if err := m.Unmarshal(payload); err != nil {
		return "malformed: " + string(payload)
	}
	canonical, err := m.Marshal()
	if err != nil {
		return "malformed: " + string(payload)
	}
	return string(canonical)
}

// unreachable matches reports about a peer.
func unreachable(peer uint64) func(transport.Event) bool {
	return func(e transport.Event) bool {
		return e.Type == pluginv1.EventType_EVENT_UNREACHABLE && e.Peer == peer
	}
}
