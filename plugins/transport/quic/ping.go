package quictransport

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

var errPinged = errors.New("it was a ping")

// Ping implements shell.Endpoint.
func (e *endpoint) Ping(ctx context.Context, peer transport.Peer) error {
	if !e.life.Enter() {
		return plugins.ErrClosed
	}
	defer e.life.Leave()
	p := e.roster.Named()[peer.Id]
	if p == nil {
		return transport.ErrUnknownPeer
	}
	urls, malformed := e.security.guard.URLs(peer)
	ctx, cancel := context.WithTimeout(ctx, e.timing.dial)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	err := peerurls.Any(ctx, urls, p.identify)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", transport.ErrUnreachable, errors.Join(malformed, err))
}

// identify asks who answers under a URL. Its Hello is for nobody, so it is
// refused before a link comes of it: the Answer says who refuses it, and for a
// member of another cluster, or one that does not trust this node, that is another
// refusal.
func (p *peer) identify(ctx context.Context, u *url.URL) error {
	self := p.e.self
	d := dialler{peer: p}
	conn, a, err := d.connect(ctx, u, hello{
		version: protocolVersion, oldest: oldestVersion, cluster: self.cluster, from: self.node, run: self.run,
	})
	closeConn(conn, closeDone, errPinged)
	switch {
	case err != nil:
	case a.code != codeNotForMe:
		err = fmt.Errorf("answer %d: %q", a.code, a.text)
	case a.cluster != self.cluster:
		err = errOtherCluster
	case a.from != p.id:
		err = fmt.Errorf("%w: %x", errAnotherMember, a.from)
	}
	if err != nil {
		return fmt.Errorf("ping %s: %w", u, err)
	}
	return nil
}
