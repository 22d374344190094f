package quictransport

import (
	"context"
	"errors"
	"fmt"
	"net/url"
)

var errPinged = errors.New("it was a ping")

// Identify implements shell.Peer. Its Hello is for nobody, so it is
// refused before a link comes of it: the Answer says who refuses it, and for a
// member of another cluster, or one that does not trust this node, that is another
// refusal.
func (p *peer) Identify(ctx context.Context, u *url.URL) error {
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
