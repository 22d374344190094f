// Package shell is what transport backends have around their links: the life cycle
// that the contract asks for.
package shell

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// An Endpoint does the work of a transport while that is open. Its methods may be
// called concurrently, and the meaning of those that transport.Transport has too is
// that of the contract.
type Endpoint interface {
	// Listen begins to serve under an address, and returns the one that it has. After
	// an error nothing runs. It is called once, before all others.
	Listen(ctx context.Context, address string) (string, error)
	SetPeers(set transport.PeerSet) error
	Send(envelopes []transport.Envelope)
	SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error
	Ping(ctx context.Context, peer transport.Peer) error
	// WriteMetrics writes what can be measured, in Prometheus' text format.
	WriteMetrics(w io.Writer) error
	// End begins to end everything and returns. It may be called more than once.
	End()
	// Finished is closed when nothing runs any more after End.
	Finished() <-chan struct{}
}

// A Shell is the contract's side of a backend: it has a life cycle, and an Endpoint
// does the work while it is open. T are the durations of the backend.
type Shell[T any] struct {
	// Timing makes the durations for an election timeout. Tests change it before Open.
	Timing func(election time.Duration) T

	info   plugins.Info
	logger *slog.Logger
	make   Make[T]

	mu     sync.Mutex // serialises Open and Close
	closed atomic.Bool
	open   atomic.Pointer[Endpoint]
}

// Make makes an endpoint that does not listen yet.
type Make[T any] func(opts transport.Options, h transport.Handler, logger *slog.Logger, t T) (Endpoint, error)

var (
	_ transport.Transport = (*Shell[Timing])(nil)
	_ transport.Pinger    = (*Shell[Timing])(nil)
)

// New returns the shell of the backend of that name and version, not open yet.
func New[T any](env backend.Env, name, version string, schema []byte, timing func(time.Duration) T, make Make[T]) *Shell[T] {
	return Of(env.Logger, plugins.Info{
		Kind:         plugins.Transport,
		Name:         name,
		Version:      version,
		Protocols:    []uint32{plugins.ProtocolVersion},
		ConfigSchema: schema,
	}, timing, make)
}

// Of returns the shell of a backend that describes itself as info, and can ping, not open
// yet. A nil logger says nothing.
func Of[T any](logger *slog.Logger, info plugins.Info, timing func(time.Duration) T, make Make[T]) *Shell[T] {
	if !info.Has(transport.CapabilityPing) {
		info.Capabilities = append(slices.Clone(info.Capabilities), transport.CapabilityPing)
	}
	return &Shell[T]{Timing: timing, logger: cmp.Or(logger, slog.New(slog.DiscardHandler)), make: make, info: info}
}

// Describe implements transport.Transport.
func (s *Shell[T]) Describe() plugins.Info { return s.info }

// Open implements transport.Transport.
func (s *Shell[T]) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed.Load():
		return "", plugins.ErrClosed
	case s.open.Load() != nil:
		return "", fmt.Errorf("%w: open already", plugins.ErrInvalidArgument)
	}
	e, err := s.make(opts, h, s.logger, s.Timing(opts.Election))
	if err != nil {
		return "", err
	}
	address, err := e.Listen(ctx, opts.Listen)
	if err != nil {
		return "", err
	}
	s.open.Store(&e)
	return address, nil
}

// Endpoint returns the endpoint while it may be used.
func (s *Shell[T]) Endpoint() (Endpoint, error) {
	if s.closed.Load() {
		return nil, plugins.ErrClosed
	}
	if e := s.open.Load(); e != nil {
		return *e, nil
	}
	return nil, plugins.ErrNotOpen
}

// SetPeers implements transport.Transport. URLs that cannot be used are
// reported, but do not keep the rest of the set from being applied: a peer
// without a usable URL is unreachable.
func (s *Shell[T]) SetPeers(_ context.Context, set transport.PeerSet) error {
	e, err := s.Endpoint()
	if err != nil {
		return err
	}
	return e.SetPeers(set)
}

// Send implements transport.Transport.
func (s *Shell[T]) Send(_ context.Context, envelopes []transport.Envelope) error {
	e, err := s.Endpoint()
	if err != nil {
		return err
	}
	e.Send(envelopes)
	return nil
}

// SendSnapshot implements transport.Transport.
func (s *Shell[T]) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	e, err := s.Endpoint()
	if err != nil {
		return err
	}
	return e.SendSnapshot(ctx, header, r)
}

// Ping implements transport.Pinger.
func (s *Shell[T]) Ping(ctx context.Context, peer transport.Peer) error {
	e, err := s.Endpoint()
	if err != nil {
		return err
	}
	return e.Ping(ctx, peer)
}

// WriteMetrics implements sdk.MetricsWriter.
func (s *Shell[T]) WriteMetrics(w io.Writer) error {
	e, err := s.Endpoint()
	if err != nil {
		return nil // there is nothing to measure
	}
	return e.WriteMetrics(w)
}

// Close implements transport.Transport. If ctx ends first, closing goes on
// without the caller.
func (s *Shell[T]) Close(ctx context.Context) error {
	s.closed.Store(true)
	s.mu.Lock()
	e := s.open.Load()
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	(*e).End()
	select {
	case <-(*e).Finished():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close transport: %w", ctx.Err())
	}
}
