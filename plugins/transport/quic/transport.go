package quictransport

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Name is what the host's configuration calls this backend.
const Name = "quic"

// Version is the backend's own version.
const Version = "0.1.0"

// Backend describes this backend to whoever runs it.
func Backend() backend.Backend { return backend.Transport(Name, New) }

// New returns a transport that is not open yet.
func New(env backend.Env) transport.Transport { return newTransport(env.Logger, newTiming) }

func newTransport(logger *slog.Logger, t func(time.Duration) timing) *quicTransport {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &quicTransport{logger: logger, timing: t}
}

// quicTransport is the contract's side: it has a life cycle, and an endpoint
// does the work while it is open.
type quicTransport struct {
	logger *slog.Logger
	timing func(election time.Duration) timing // newTiming but in tests

	mu     sync.Mutex // serialises Open and Close
	closed atomic.Bool
	open   atomic.Pointer[endpoint]
}

var _ transport.Transport = (*quicTransport)(nil)

// Describe implements transport.Transport.
func (t *quicTransport) Describe() plugins.Info {
	return plugins.Info{
		Kind:         plugins.Transport,
		Name:         Name,
		Version:      Version,
		Protocols:    []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{transport.CapabilityPing},
		ConfigSchema: configSchema(),
	}
}

// Open implements transport.Transport.
func (t *quicTransport) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed.Load():
		return "", plugins.ErrClosed
	case t.open.Load() != nil:
		return "", fmt.Errorf("%w: open already", plugins.ErrInvalidArgument)
	}
	e, err := newEndpoint(opts, h, t.logger, t.timing(opts.Election))
	if err != nil {
		return "", err
	}
	address, err := e.listen(ctx, opts.Listen)
	if err != nil {
		return "", err
	}
	t.open.Store(e)
	return address, nil
}

// running returns the endpoint while it may be used.
func (t *quicTransport) running() (*endpoint, error) {
	if t.closed.Load() {
		return nil, plugins.ErrClosed
	}
	if e := t.open.Load(); e != nil {
		return e, nil
	}
	return nil, plugins.ErrNotOpen
}

// SetPeers implements transport.Transport. URLs that cannot be used are
// reported, but do not keep the rest of the set from being applied: a peer
// without a usable URL is unreachable.
func (t *quicTransport) SetPeers(_ context.Context, set transport.PeerSet) error {
	e, err := t.running()
	if err != nil {
		return err
	}
	return e.setPeers(set)
}

// Send implements transport.Transport.
func (t *quicTransport) Send(_ context.Context, envelopes []transport.Envelope) error {
	e, err := t.running()
	if err != nil {
		return err
	}
	for i := range envelopes {
		e.send(envelopes[i])
	}
	return nil
}

// SendSnapshot implements transport.Transport.
func (t *quicTransport) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	e, err := t.running()
	if err != nil {
		return err
	}
	return e.sendSnapshot(ctx, header, r)
}

// Close implements transport.Transport. If ctx ends first, closing goes on
// without the caller.
func (t *quicTransport) Close(ctx context.Context) error {
	t.closed.Store(true)
	t.mu.Lock()
	e := t.open.Load()
	t.mu.Unlock()
	if e == nil {
		return nil
	}
	e.beginClose()
	select {
	case <-e.finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close transport: %w", ctx.Err())
	}
}
