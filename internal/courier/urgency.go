package courier

import (
	"slices"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	// maxCarrierBytes is what may wait for one transport at most. Beyond that
	// messages are dropped and their receivers reported unreachable.
	maxCarrierBytes = 64 << 20
	// controlRoom is what may wait of control messages besides: heartbeats and
	// votes must not be lost because appends and proposals are many.
	controlRoom = 8 << 20
	// envelopeMemory is what a message takes beside its payload, which of most is
	// smaller.
	envelopeMemory = 96
)

// fits tells whether a message may wait after so many bytes.
func fits(waiting int, e *transport.Envelope) bool {
	room := maxCarrierBytes
	if e.Class == pluginv1.MessageClass_CLASS_CONTROL {
		room += controlRoom
	}
	return waiting+len(e.Payload)+envelopeMemory <= room
}

// urgentFirst brings control messages before appends, and appends before
// proposals. The order within a class, which is all that a transport promises,
// stays.
func urgentFirst(envelopes []transport.Envelope) {
	slices.SortStableFunc(envelopes, func(a, b transport.Envelope) int { return int(a.Class) - int(b.Class) })
}
