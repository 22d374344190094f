package transport

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/plugins"
)

// CapabilityPing: the backend is a Pinger.
const CapabilityPing plugins.Capability = "ping"

// ErrCannotPing: the transport cannot find out whether a peer answers under a URL.
// PingOf returns it for one without CapabilityPing.
var ErrCannotPing = errors.New("the transport cannot ping")

// Pinger is implemented by a Transport with CapabilityPing.
type Pinger interface {
	// Ping asks under each of peer.Urls who is there. It is nil if, under one of
	// them, the member answers that has peer.Id in this node's cluster; one that says
	// of itself what this node could not talk to is not it, and is not told to the
	// Handler: it may be where the peer is only to be later. The peer is
	// one of those given to SetPeers; its URLs may be others, and are no more than
	// asked: a connection that stands is neither used, nor ended, nor replaced, and
	// the peer keeps the URLs that SetPeers gave it. The rest of peer says nothing
	// here. Ping runs concurrently with everything, and returns soon after ctx has
	// ended. Errors: ErrUnknownPeer; ErrUnreachable with what each URL came to.
	Ping(ctx context.Context, peer Peer) error
}

// PingOf asks t, which is open. It is ErrCannotPing for a transport without the
// capability.
func PingOf(ctx context.Context, t Transport, peer Peer) error {
	p, ok := t.(Pinger)
	if !ok || !t.Describe().Has(CapabilityPing) {
		return ErrCannotPing
	}
	return p.Ping(ctx, peer)
}
