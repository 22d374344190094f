package shell

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

var errRefused = errors.New("no")

// endpoint counts what the shell passes to it.
type endpoint struct {
	used, ended int
	finished    chan struct{}
}

func (e *endpoint) Listen(_ context.Context, address string) (string, error) {
	if address == "" {
		return "", errRefused
	}
	return "here", nil
}

func (e *endpoint) SetPeers(transport.PeerSet) error { e.used++; return nil }
func (e *endpoint) Send([]transport.Envelope)        { e.used++ }
func (e *endpoint) WriteMetrics(io.Writer) error     { e.used++; return nil }
func (e *endpoint) End()                             { e.ended++ }
func (e *endpoint) Finished() <-chan struct{}        { return e.finished }

func (e *endpoint) Ping(context.Context, transport.Peer) error { e.used++; return nil }

func (e *endpoint) SendSnapshot(context.Context, transport.SnapshotHeader, io.Reader) error {
	e.used++
	return nil
}

// use calls all that an open transport is for.
func use(s *Shell[Timing]) map[string]error {
	ctx := context.Background()
	return map[string]error{
		"SetPeers":     s.SetPeers(ctx, transport.PeerSet{}),
		"Send":         s.Send(ctx, nil),
		"SendSnapshot": s.SendSnapshot(ctx, transport.SnapshotHeader{}, nil),
		"Ping":         s.Ping(ctx, transport.Peer{}),
	}
}

// A transport is opened once, is of use until it is closed, and passes nothing on
// before and after. Close waits for the end, as long as its caller lets it.
func TestLifeCycle(t *testing.T) {
	e := &endpoint{finished: make(chan struct{})}
	s := New(backend.Env{}, "x", "1", []byte("{}"), NewTiming,
		func(opts transport.Options, _ transport.Handler, _ *slog.Logger, timing Timing) (Endpoint, error) {
			if timing != NewTiming(opts.Election) {
				t.Errorf("%+v for an election timeout of %v", timing, opts.Election)
			}
			if opts.NodeID == 0 {
				return nil, errRefused
			}
			return e, nil
		})
	ctx, usable := context.Background(), transport.Options{Options: plugins.Options{NodeID: 1, Election: time.Second}, Listen: "a"}
	if info := s.Describe(); info.Kind != plugins.Transport || info.Name != "x" || info.Version != "1" || string(info.ConfigSchema) != "{}" {
		t.Errorf("%+v", info)
	}
	for what, opts := range map[string]transport.Options{"options": {}, "an address": {Options: plugins.Options{NodeID: 1}}} {
		if _, err := s.Open(ctx, opts, nil); !errors.Is(err, errRefused) {
			t.Errorf("%s that the backend refuses: %v", what, err)
		}
	}
	for call, err := range use(s) {
		if !errors.Is(err, plugins.ErrNotOpen) {
			t.Errorf("%s before Open: %v", call, err)
		}
	}
	if address, err := s.Open(ctx, usable, nil); err != nil || address != "here" {
		t.Errorf("open: %q, %v", address, err)
	}
	if _, err := s.Open(ctx, usable, nil); !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("open twice: %v", err)
	}
	for call, err := range use(s) {
		if err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	if err := s.WriteMetrics(io.Discard); err != nil || e.used != 5 {
		t.Errorf("%d calls came through, %v", e.used, err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Close(short); !errors.Is(err, context.Canceled) || e.ended != 1 {
		t.Errorf("close without time: %v, ended %d times", err, e.ended)
	}
	close(e.finished)
	if err := s.Close(ctx); err != nil {
		t.Errorf("close again: %v", err)
	}
	for call, err := range use(s) {
		if !errors.Is(err, plugins.ErrClosed) {
			t.Errorf("%s after Close: %v", call, err)
		}
	}
	if _, err := s.Open(ctx, usable, nil); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("open after Close: %v", err)
	}
	if err := s.WriteMetrics(io.Discard); err != nil || e.used != 5 {
		t.Errorf("%d calls came through in all, %v", e.used, err)
	}
}

// A transport that was never open is closed at once.
func TestCloseBeforeOpen(t *testing.T) {
	if err := New[Timing](backend.Env{}, "x", "1", nil, nil, nil).Close(context.Background()); err != nil {
		t.Error(err)
	}
}
