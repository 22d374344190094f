package quictransport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

// mostAddresses bounds how many addresses of one host a ping asks at.
const mostAddresses = 8

var errPinged = errors.New("it was a ping")

// Identify implements shell.Peer. A host with several addresses is asked at all of them
// at the same time: there is only one try, and some may have no route from here.
func (p *peer) Identify(ctx context.Context, u *url.URL) error {
	addresses, err := p.e.addresses(ctx, u)
	if err == nil {
		err = peerurls.Any(ctx, addresses[:min(len(addresses), mostAddresses)], p.identifyAt)
	}
	if err != nil {
		return fmt.Errorf("ping %s: %w", u, err)
	}
	return nil
}

// identifyAt asks at one address. The Hello is for member 0, so it is
// refused before a link comes of it: the Answer says who refuses it, and for a
// member of another cluster, or one that does not trust this node, that is another
// refusal. A member of an older version does not say which store it has.
func (p *peer) identifyAt(ctx context.Context, address net.Addr) error {
	self := p.e.self
	conn, a, err := p.call(ctx, address, hello{
		version: protocolVersion, oldest: oldestVersion, cluster: self.cluster, from: self.node, run: self.run,
	})
	closeConn(conn, closeDone, errPinged)
	switch {
	case err != nil:
		return err
	case a.code != codeNotForMe:
		return fmt.Errorf("answer %d: %q", a.code, a.text)
	case a.cluster != self.cluster:
		return errOtherCluster
	case a.from != p.id:
		return fmt.Errorf("%w: %x", errAnotherMember, a.from)
	case a.greeting.Store == 0:
		return nil
	}
	if m := p.e.Book.Judge(p.id, a.greeting); m != nil {
		return m
	}
	return nil
}
