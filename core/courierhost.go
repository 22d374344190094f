package core

import (
	"context"
	"io"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/courier"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// courierHost is a host as its courier knows it.
type courierHost struct{ h *Host }

var _ courier.Host = courierHost{}

// Launch implements courier.Host.
func (c courierHost) Launch(ctx context.Context, slot *catalog.Slot, config []byte, open func(context.Context, *catalog.Instance, plugins.Options) error) (*catalog.Instance, error) {
	return c.h.launch(ctx, plugins.Transport, slot, config, open)
}

// IsPermanent implements courier.Host.
func (courierHost) IsPermanent(err error) bool { return isPermanent(err) }

// Retire implements courier.Host.
func (c courierHost) Retire(in *catalog.Instance) { c.h.retire(in, in.Transport().Close) }

// Fail implements courier.Host.
func (c courierHost) Fail(err error) { c.h.fail(err) }

// Deliver implements courier.Host.
func (c courierHost) Deliver(envelopes []transport.Envelope) {
	if g := c.h.current(); g != nil {
		g.node.Deliver(envelopes)
	}
}

// ReceiveSnapshot implements courier.Host: it spools the snapshot into the storage,
// checks it, and offers it to raft.
func (c courierHost) ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	g := c.h.current()
	if g == nil {
		return errNoNode
	}
	return g.receiveSnapshot(ctx, header, r)
}

// Lost implements courier.Host.
func (c courierHost) Lost(peers []member.ID) {
	g := c.h.current()
	if g == nil {
		return
	}
	for _, id := range peers {
		c.h.server.Lost(id)
	}
	g.node.PeersLost(peers...)
}

// Greeted implements courier.Host.
func (c courierHost) Greeted(peer member.ID, shows transport.Greeting) {
	c.h.identity.greeted(peer, shows)
}

// Mismatch implements courier.Host.
func (c courierHost) Mismatch(e *transport.Event) {
	c.h.identity.mismatch(conflict{
		peer: member.ID(e.Peer), reason: e.Reason, refused: e.Verdict == transport.VerdictRefusedByPeer, detail: e.Detail,
		says: transport.Greeting(e.Greeting),
	})
}

// ToldRemoved implements courier.Host.
func (c courierHost) ToldRemoved(e *transport.Event) { c.h.toldRemoved(e) }

// Joined implements courier.Host. A peer that has a connection with this member does
// not hold it for removed.
func (c courierHost) Joined(peer member.ID) {
	c.h.identity.joined(peer)
	c.h.removals.withdraw(peer)
}

// Left implements courier.Host.
func (c courierHost) Left(peer member.ID) { c.h.identity.left(peer) }

// Parted implements courier.Host.
func (c courierHost) Parted() { c.h.identity.parted() }
