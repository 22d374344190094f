package courier

import (
	"reflect"
	"slices"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Messages that wait for a transport leave with heartbeats and votes first and
// proposals last, each class in the order in which it came.
func TestUrgentMessagesLeaveFirst(t *testing.T) {
	const (
		control  = pluginv1.MessageClass_CLASS_CONTROL
		appends  = pluginv1.MessageClass_CLASS_APPEND
		proposal = pluginv1.MessageClass_CLASS_PROPOSAL
	)
	var waiting []transport.Envelope
	for n, class := range []pluginv1.MessageClass{proposal, appends, proposal, control, appends, control} {
		waiting = append(waiting, transport.Envelope{Class: class, To: uint64(n)})
	}
	urgentFirst(waiting)
	var got []uint64
	for _, e := range waiting {
		got = append(got, e.To)
	}
	if want := []uint64{3, 5, 1, 4, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("left in the order %d, want %d", got, want)
	}
}

// A heartbeat has room when appends and proposals have taken all of theirs.
func TestAHeartbeatHasRoomBesideAFlood(t *testing.T) {
	heartbeat := &transport.Envelope{Class: pluginv1.MessageClass_CLASS_CONTROL, Payload: make([]byte, 40)}
	for _, class := range []pluginv1.MessageClass{pluginv1.MessageClass_CLASS_APPEND, pluginv1.MessageClass_CLASS_PROPOSAL} {
		if fits(maxCarrierBytes, &transport.Envelope{Class: class, Payload: make([]byte, 40)}) {
			t.Errorf("one more of class %v fits", class)
		}
	}
	if !fits(maxCarrierBytes, heartbeat) {
		t.Error("a heartbeat does not fit")
	}
	if fits(maxCarrierBytes+controlRoom, heartbeat) {
		t.Error("control messages have no bound")
	}
	if size := int(reflect.TypeFor[transport.Envelope]().Size()); size > envelopeMemory {
		t.Errorf("a message takes %d bytes beside its payload, and counts for %d", size, envelopeMemory)
	}
	if fits(maxCarrierBytes+controlRoom, &transport.Envelope{Class: heartbeat.Class}) {
		t.Error("messages without a payload have no bound")
	}
}
