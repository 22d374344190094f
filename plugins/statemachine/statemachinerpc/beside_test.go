package statemachinerpc

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// late has calls that return when the test lets them, and not when they are cancelled.
type late struct {
	*statemachinetest.Register
	begun, stay chan struct{}
	running     *atomic.Int32
	restored    chan int32 // how many calls ran when a Restore began
}

func (l late) wait(ctx context.Context) error {
	l.running.Add(1)
	defer l.running.Add(-1)
	l.begun <- struct{}{}
	<-l.stay
	return ctx.Err()
}

func (l late) Query(ctx context.Context, _ []byte) ([]byte, error) { return nil, l.wait(ctx) }

func (l late) QueryStream(ctx context.Context, _ []byte, _ func([]byte) error) error {
	return l.wait(ctx)
}

func (l late) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	return lateSnapshot{l}, nil
}

func (l late) Restore(_ context.Context, _ uint64, r io.Reader) error {
	l.restored <- l.running.Load()
	_, err := io.Copy(io.Discard, r)
	return err
}

type lateSnapshot struct{ late }

func (lateSnapshot) Index() uint64 { return 0 }

func (s lateSnapshot) Save(ctx context.Context, _ io.Writer) error { return s.wait(ctx) }

func (lateSnapshot) Release() {}

// lateEnd is a late backend, the plugin's end that serves it, and the host's end of that.
func lateEnd(t *testing.T, carrier rpctest.Carrier) (late, *server, *Client) {
	l := late{statemachinetest.NewRegister(), make(chan struct{}), make(chan struct{}), new(atomic.Int32), make(chan int32, 1)}
	s := &server{backend: l, end: pluginrpc.PluginEnd{Table: errorTable()}, applying: pluginrpc.NewTurn()}
	c := NewClient(carrier(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStateMachineServer(r, s) }), l.Describe())
	if _, err := c.Open(t.Context(), plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Incarnation: 1}); err != nil {
		t.Fatal(err)
	}
	return l, s, c
}

// waits tells whether a Restore waits.
func (b *beside) waits() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.idle != nil
}

func query(ctx context.Context, c *Client) error {
	_, err := c.Query(ctx, nil)
	return err
}

// A host cancels what uses the state machine, and restores it at once. The backend gets the
// Restore when the last of those calls has returned, and later calls when that is over.
// Rule SM-38.
func TestARestoreWaitsForCallsThatWereCancelled(t *testing.T) {
	for what, call := range map[string]func(context.Context, *Client) error{
		"a query": query,
		"an answer in chunks": func(ctx context.Context, c *Client) error {
			return c.QueryStream(ctx, nil, func([]byte) error { return nil })
		},
		"a snapshot": func(ctx context.Context, c *Client) error {
			snap, err := c.PrepareSnapshot(ctx)
			if err != nil {
				return err
			}
			return snap.Save(ctx, io.Discard)
		},
	} {
		for by, carrier := range rpctest.Carriers() {
			t.Run(what+" by "+by, func(t *testing.T) {
				l, s, c := lateEnd(t, carrier)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- call(ctx, c) }()
				<-l.begun
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Fatalf("the call ended with %v", err)
				}
				go func() { ended <- c.Restore(t.Context(), 7, strings.NewReader("state")) }()
				for !s.beside.waits() && len(l.restored) == 0 {
					runtime.Gosched()
				}
				close(l.stay)
				if n := <-l.restored; n != 0 {
					t.Errorf("the Restore began beside %d calls", n)
				}
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				go func() { ended <- query(t.Context(), c) }()
				<-l.begun
				if err := <-ended; err != nil {
					t.Errorf("a query after the Restore: %v", err)
				}
			})
		}
	}
}

// A call that comes while a Restore runs waits for it, or for its own end; so does a Restore
// for one that does not return.
// Rule SM-38.
func TestWhatWaitsForARestoreMayGiveUp(t *testing.T) {
	var b beside
	ended, end := context.WithCancel(t.Context())
	end()
	if err := b.alone(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.enter(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a call beside a Restore: %v", err)
	}
	b.admit()
	if err := b.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.alone(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a Restore beside a call: %v", err)
	}
	if err := b.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.leave()
	b.leave()
	if err := b.alone(t.Context()); err != nil {
		t.Errorf("a Restore after all calls: %v", err)
	}
}
