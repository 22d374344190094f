package connections

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

// Ping implements shell.Endpoint.
func (n *node) Ping(ctx context.Context, peer transport.Peer) error {
	if !n.life.Enter() {
		return plugins.ErrClosed
	}
	defer n.life.Leave()
	n.mu.Lock()
	known := n.peers[peer.Id] != nil
	n.mu.Unlock()
	if !known {
		return fmt.Errorf("ping %x: %w", peer.Id, transport.ErrUnknownPeer)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second+n.opts.Election)
	defer cancel()
	defer context.AfterFunc(n.life.Context(), cancel)()
	urls, _ := n.usable(peer.Urls) // an error is of those that are left out
	err := peerurls.Any(ctx, urls, func(ctx context.Context, u *url.URL) error {
		if err := n.identify(ctx, peer.Id, u); err != nil {
			return fmt.Errorf("ping %s: %w", u, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
	}
	return nil
}

// identify asks who is there.
func (n *node) identify(ctx context.Context, peer uint64, u *url.URL) error {
	a, err := n.ask(ctx, peer, u, 0)
	if err != nil {
		return err
	}
	if a.Greeting == (transport.Greeting{}) { // it does not say
		return nil
	}
	if m := n.book.Judge(peer, a.Greeting); m != nil {
		return m
	}
	return nil
}

// ask has a peer's answer to a hello for member 0, of which no link comes: it says who refuses
// it, and whether it knows another node as a member.
func (n *node) ask(ctx context.Context, peer uint64, u *url.URL, about uint64) (answer, error) {
	conn, err := n.network.Dial(ctx, u)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	l, err := n.dialledLink(ctx, conn, peer)
	if err != nil {
		return answer{}, err
	}
	if err := writeJSON(l.conn, frameHello, hello{Cluster: n.opts.ClusterID, From: n.opts.NodeID, Lane: laneControl, About: about}); err != nil {
		return answer{}, err
	}
	var a answer
	if err := n.readJSON(l.r, frameAnswer, &a); err != nil {
		return answer{}, err
	}
	if a.Cluster != n.opts.ClusterID || a.From != peer {
		return answer{}, fmt.Errorf("member %x of cluster %x answers: %q", a.From, a.Cluster, a.Text)
	}
	return a, nil
}
