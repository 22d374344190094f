package httptransport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

var errNoGreeting = errors.New("the answer does not say which member gives it")

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
	err := peerurls.Any(ctx, urls, prober{p}.identify)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", transport.ErrUnreachable, errors.Join(malformed, err))
}

// identify asks who answers under a URL. A member that is asked for by its id, by
// a member that it knows, shows its store.
func (b prober) identify(ctx context.Context, base *url.URL) error {
	response, err := b.ask(ctx, base)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	if err := b.judge(response); err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get(headerStore) == "" {
		return fmt.Errorf("%s: %w", base, errNoGreeting)
	}
	return nil
}
