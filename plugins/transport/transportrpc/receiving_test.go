package transportrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// doorway is a transport whose handler a test calls in the place of peers.
type doorway struct {
	transport.Transport
	handler chan transport.Handler // capacity 1
}

func (d *doorway) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	d.handler <- h
	return d.Transport.Open(ctx, opts, h)
}

// TestAsManySnapshotsAreReceivedAsMaxSnapshotsAllows: between plugin and host
// nothing allows fewer than the largest max_snapshots of a backend.
func TestAsManySnapshotsAreReceivedAsMaxSnapshotsAllows(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			d := &doorway{Transport: transporttest.NewNetwork().New(), handler: make(chan transport.Handler, 1)}
			c := overCarrier(t, carrier, d)
			t.Cleanup(func() { _ = c.Close(context.Background()) })
			var all sync.WaitGroup
			all.Add(transport.MostSnapshots)
			r := newRecorder()
			r.receive = func(rd io.Reader) error {
				all.Done()
				all.Wait() // none goes on before all have come
				_, err := io.Copy(io.Discard, rd)
				return err
			}
			opts := options()
			if _, err := c.Open(t.Context(), opts, r); err != nil {
				t.Fatal(err)
			}
			h := <-d.handler
			verdicts := make(chan error, transport.MostSnapshots)
			for range transport.MostSnapshots {
				go func() { verdicts <- h.ReceiveSnapshot(t.Context(), header(), strings.NewReader("12345")) }()
			}
			for range transport.MostSnapshots {
				if err := <-verdicts; err != nil {
					t.Errorf("refused: %v", err)
					all.Done()
				}
			}
		})
	}
}

// TestAHostThatClosesRefusesNothing: a handler may be the end of another
// connection, which closes. The sender hears of an end and not of a refusal, or it
// would not send the snapshot again.
// Rules TR-36 and TR-41.
func TestAHostThatClosesRefusesNothing(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			d := &doorway{Transport: transporttest.NewNetwork().New(), handler: make(chan transport.Handler, 1)}
			c := overCarrier(t, carrier, d)
			t.Cleanup(func() { _ = c.Close(context.Background()) })
			r := newRecorder()
			r.receive = func(io.Reader) error { return fmt.Errorf("receive: %w", plugins.ErrClosed) }
			if _, err := c.Open(t.Context(), options(), r); err != nil {
				t.Fatal(err)
			}
			h := <-d.handler
			err := h.ReceiveSnapshot(t.Context(), header(), strings.NewReader("12345"))
			if !errors.Is(err, plugins.ErrClosed) || errors.Is(err, transport.ErrSnapshotRefused) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		})
	}
}

// mute takes up nothing of what it has offered, and ends no stream.
type mute struct{ liar }

func (m *mute) ReceiveSnapshot(stream grpc.BidiStreamingServer[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse]) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// TestOffersWithoutEndTakeBoundedPlaces: however many snapshots a plugin offers, those
// that are received or refused at a time have a bound.
func TestOffersWithoutEndTakeBoundedPlaces(t *testing.T) {
	const messages, each = 4, 4096
	var flood []pluginv1.RaftInbound
	for m := range messages {
		var in pluginv1.RaftInbound
		for i := range each {
			in.Events = append(in.Events, transport.Event{
				Type: pluginv1.EventType_EVENT_SNAPSHOT_OFFERED, Peer: 2, Offer: uint64(m*each + i + 1),
			})
		}
		flood = append(flood, in)
	}
	last := envelope()
	flood = append(flood, pluginv1.RaftInbound{Envelopes: []transport.Envelope{last}})
	l := &mute{liar{address: "a", inbound: flood}}
	before := runtime.NumGoroutine()
	r := newRecorder()
	conn := rpctest.Dial(t, func(reg grpc.ServiceRegistrar) { pluginv1.RegisterTransportServer(reg, l) })
	c := transportrpc.NewClient(conn, plugins.Info{})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	if _, err := c.Open(t.Context(), options(), r); err != nil {
		t.Fatal(err)
	}
	<-r.told // all offers have been looked at
	if n := runtime.NumGoroutine() - before; n > messages*each/4 {
		t.Errorf("%d offers have made %d goroutines", messages*each, n)
	}
}
