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

var _ transport.Pinger = (*httpTransport)(nil)

var errNoGreeting = errors.New("the answer does not say which member gives it")

// Ping implements transport.Pinger.
func (t *httpTransport) Ping(ctx context.Context, peer transport.Peer) error {
	e, err := t.running()
	if err != nil {
		return err
	}
	return e.ping(ctx, peer)
}

func (e *endpoint) ping(ctx context.Context, peer transport.Peer) error {
	if !e.enter() {
		return plugins.ErrClosed
	}
	defer e.running.Done()
	p := (*e.peers.Load())[peer.Id]
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
