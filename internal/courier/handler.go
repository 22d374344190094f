package courier

import (
	"context"
	"io"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// handler is what one life of a transport plugin calls.
type handler struct {
	c        *Courier
	by       *carrier
	instance *catalog.Instance
	since    time.Time // when it was opened
}

var _ transport.Handler = handler{}

// transportTrial is how long a transport must have run for what it carries to
// count as progress.
const transportTrial = time.Minute

// carried notes that the transport does what it is for.
func (h handler) carried() {
	if time.Since(h.since) >= transportTrial {
		h.instance.Progressed()
	}
}

// Deliver implements transport.Handler.
func (h handler) Deliver(envelopes []transport.Envelope) {
	h.carried()
	h.c.heard(h.by, envelopes)
	h.c.host.Deliver(envelopes)
}

// Notify implements transport.Handler.
func (h handler) Notify(events []transport.Event) {
	for i := range events {
		e := &events[i]
		peer := member.ID(e.Peer)
		switch e.Type {
		case pluginv1.EventType_EVENT_UNREACHABLE:
			h.c.lost(h.by, e.Peer)
		case pluginv1.EventType_EVENT_INACTIVE:
			h.c.connection(h.by, h.instance, e.Peer, false)
			if !h.c.Connected(peer) {
				h.c.host.Left(peer)
			}
		case pluginv1.EventType_EVENT_GREETED:
			h.c.host.Greeted(peer, transport.Greeting(e.Greeting))
			h.leaveIfEnded(peer)
		case pluginv1.EventType_EVENT_MISMATCH:
			h.c.host.Mismatch(e)
		case pluginv1.EventType_EVENT_UNVERIFIED:
			h.by.callersUnverified()
		case pluginv1.EventType_EVENT_REMOVED:
			h.c.host.ToldRemoved(e)
		case pluginv1.EventType_EVENT_ACTIVE:
			h.carried()
			h.c.connection(h.by, h.instance, e.Peer, true)
			h.c.host.Joined(peer)
			h.leaveIfEnded(peer)
			h.connectedTo(peer)
		}
	}
}

// heldAgain is how long the log has no second line that a transport is held up.
const heldAgain = time.Minute

// HeldUp implements transportrpc.Holder.
func (h handler) HeldUp(d time.Duration) {
	now := time.Now()
	h.instance.HeldUp(d, now)
	if times, due := h.by.held.Note(now, heldAgain); due {
		h.c.logger.Warn("transport tells more events than a host takes: it is held up, and the messages of its peers with it",
			"plugin", h.by.Slot.Status().Name, "times", times)
	}
}

// leaveIfEnded takes back that a peer is there if the life of the transport that says
// so has ended: no event of that life will say that the peer has left. The end of a life
// is visible before the host hears that a transport has parted, so that a life which
// ends after this look is found then.
func (h handler) leaveIfEnded(peer member.ID) {
	select {
	case <-h.instance.Done():
		if !h.c.Connected(peer) {
			h.c.host.Left(peer)
		}
	default:
	}
}

// ReceiveSnapshot implements transport.Handler.
func (h handler) ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	return h.c.host.ReceiveSnapshot(ctx, header, r)
}
