package node

import (
	"errors"
	"reflect"
	"runtime"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func protocolLimits() messageLimits {
	l := plugins.ProtocolLimits(0, 0)
	return messageLimits{entry: int(l.MaxEntryBytes), message: l.MaxMessageBytes()}
}

// filled is a MsgApp, as large as a message may be, that repeats a field.
func filled(field ...byte) []byte {
	payload := []byte{8, byte(pb.MsgApp), 16, 1, 24, 2, 32, 1}
	for most := protocolLimits().message; len(payload)+len(field) <= most; {
		payload = append(payload, field...)
	}
	return payload
}

// A message that a peer has made of as many parts as fit, each of which takes no bytes on
// the wire and many in memory, is refused before it is decoded.
func TestAMessageOfManyPartsTakesNoMemory(t *testing.T) {
	for name, payload := range map[string][]byte{
		"entries":       filled(entriesField<<3|2, 0),
		"memberships":   filled(9<<3|2, 6, 18, 4, 10, 2, 8, 1),
		"voters":        filled(9<<3|2, 10, 18, 8, 10, 6, 10, 4, 1, 1, 1, 1),
		"unknown parts": filled(120<<3&0x7f|0x82, 7, 0),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := decode(payload, protocolLimits())
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 || !errors.Is(err, ErrInvalidMessage) {
				t.Errorf("%d bytes took %d MiB: %v", len(payload), grown>>20, err)
			}
		})
	}
}

// As many entries as a member sends at a time are taken: the smallest commands, as many as
// the largest batch may have, and entries without data, as many as a log gives out.
func TestTheSmallestEntriesAreTaken(t *testing.T) {
	data := plainCommand(RequestID{Origin: 2, Number: 1}, []byte{1})
	for name, of := range map[string]struct {
		data []byte
		max  uint64
	}{
		"commands": {data, plugins.MaxBatchBytes},
		"empty":    {nil, plugins.MaxBatchBytes},
	} {
		t.Run(name, func(t *testing.T) {
			slab := make([]pluginv1.Entry, 1<<20)
			for i := range slab {
				slab[i] = pluginv1.Entry{Term: 1, Index: uint64(i + 1), Data: of.data}
			}
			sent := limit(fromEntries(slab), of.max)
			if len(sent) < entriesAtOnce {
				t.Fatalf("%d entries are sent at a time", len(sent))
			}
			var e encoder
			payload, err := e.encode(&pb.Message{
				Type: pb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(1)), LogTerm: new(uint64(0)), Entries: sent,
			})
			if err != nil {
				t.Fatal(err)
			}
			m, err := decode(payload, protocolLimits())
			if err != nil || len(m.GetEntries()) != len(sent) {
				t.Errorf("%d entries in %d bytes: %v", len(sent), len(payload), err)
			}
		})
	}
}

// A message that waits for the raft goroutine counts with what it takes in
// memory.
func TestSmallEntriesCountInTheMailbox(t *testing.T) {
	if size := int(reflect.TypeFor[entrySlab]().Size() + reflect.TypeFor[*pb.Entry]().Size()); size > entryMemory {
		t.Errorf("an entry takes %d bytes, and counts for %d", size, entryMemory)
	}
	l := newTrio(t)
	n := New(l.core, statePorts{})
	entries := make([]pluginv1.Entry, entriesAtOnce)
	for i := range entries {
		entries[i] = pluginv1.Entry{Term: 1, Index: uint64(i + 1)}
	}
	in := pluginv1.Message{Type: uint32(pb.MsgApp), From: 2, To: 1, Term: 1, Entries: entries}
	payload, err := in.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	const tries = maxWaitingBytes/(entriesAtOnce*entryMemory) + 8
	for range tries {
		n.Deliver([]transport.Envelope{{Group: l.core.cfg.Group, To: 1, From: 2, Payload: payload}})
	}
	if waits := n.box.take(inputs{}); waits.dropped < 8 {
		t.Errorf("%d messages of %d entries wait, %d were dropped", len(waits.messages), len(entries), waits.dropped)
	}
}
