package shell

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// endpoint counts what the shell passes to it.
type endpoint struct {
	used, ended int
	finished    chan struct{}
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
func use(s *Shell) map[string]error {
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
	refusal := errors.New("no")
	s := New("x", "1", []byte("{}"), func(_ context.Context, opts transport.Options, _ transport.Handler) (Endpoint, string, error) {
		if opts.Listen == "" {
			return nil, "", refusal
		}
		return e, "here", nil
	})
	ctx := context.Background()
	if info := s.Describe(); info.Kind != plugins.Transport || info.Name != "x" || info.Version != "1" || string(info.ConfigSchema) != "{}" {
		t.Errorf("%+v", info)
	}
	if _, err := s.Open(ctx, transport.Options{}, nil); !errors.Is(err, refusal) {
		t.Errorf("an address that is refused: %v", err)
	}
	for call, err := range use(s) {
		if !errors.Is(err, plugins.ErrNotOpen) {
			t.Errorf("%s before Open: %v", call, err)
		}
	}
	if address, err := s.Open(ctx, transport.Options{Listen: "a"}, nil); err != nil || address != "here" {
		t.Errorf("open: %q, %v", address, err)
	}
	if _, err := s.Open(ctx, transport.Options{Listen: "a"}, nil); !errors.Is(err, plugins.ErrInvalidArgument) {
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
	if _, err := s.Open(ctx, transport.Options{Listen: "a"}, nil); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("open after Close: %v", err)
	}
	if err := s.WriteMetrics(io.Discard); err != nil || e.used != 5 {
		t.Errorf("%d calls came through in all, %v", e.used, err)
	}
}

// A transport that was never open is closed at once.
func TestCloseBeforeOpen(t *testing.T) {
	if err := New("x", "1", nil, nil).Close(context.Background()); err != nil {
		t.Error(err)
	}
}
