package statemachinerpc_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"slices"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// feeder answers each query in chunks as a test says.
type feeder struct {
	*statemachinetest.Register
	stream func(ctx context.Context, send func([]byte) error) error
	silent bool // it does not announce that
}

func (f feeder) QueryStream(ctx context.Context, _ []byte, send func([]byte) error) error {
	return f.stream(ctx, send)
}

func (f feeder) Describe() plugins.Info {
	info := f.Register.Describe()
	if f.silent {
		info.Capabilities = nil
	}
	return info
}

// onBoth runs a test over each carrier, with a backend that is open.
func onBoth(t *testing.T, backend func() statemachine.StateMachine, run func(*testing.T, *statemachinerpc.Client)) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			c := overCarrier(t, carrier, backend())
			if _, err := c.Open(t.Context(), options()); err != nil {
				t.Fatal(err)
			}
			run(t, c)
		})
	}
}

func drop([]byte) error { return nil }

// Chunks arrive as they were sent, and the largest and the empty ones too. A backend
// may write to one after it has sent it.
// Rule SM-25.
func TestChunksOfAQueryArriveAsTheyWereCut(t *testing.T) {
	largest := int(plugins.DefaultLimits().MaxChunkBytes)
	want := []int{3, 0, largest, 1, 0, 100 << 10}
	backend := func() statemachine.StateMachine {
		return feeder{Register: statemachinetest.NewRegister(), stream: func(_ context.Context, send func([]byte) error) error {
			chunk := make([]byte, largest)
			for i, n := range want {
				for k := range n {
					chunk[k] = byte(i)
				}
				if err := send(chunk[:n]); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	onBoth(t, backend, func(t *testing.T, c *statemachinerpc.Client) {
		var got []int
		err := c.QueryStream(t.Context(), nil, func(chunk []byte) error {
			if bytes.Count(chunk, []byte{byte(len(got))}) != len(chunk) {
				t.Errorf("chunk %d has bytes of another", len(got))
			}
			got = append(got, len(chunk))
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("chunks of %d bytes, want %d; ended with %v", got, want, err)
		}
	})
}

// A chunk that is too long ends the stream, whether the backend minds or not, and so does
// what its receiver says.
// Rules SM-22 and SM-28.
func TestAStreamOfAQueryThatFails(t *testing.T) {
	tooLong := make([]byte, plugins.DefaultLimits().MaxChunkBytes+1)
	for name, stream := range map[string]func(context.Context, func([]byte) error) error{
		"and says so": func(_ context.Context, send func([]byte) error) error { return send(tooLong) },
		"and does not mind": func(_ context.Context, send func([]byte) error) error {
			_ = send(tooLong)
			return send(nil)
		},
		"and vouches for it": func(_ context.Context, send func([]byte) error) error {
			_ = send(tooLong)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := openOver(t, feeder{Register: statemachinetest.NewRegister(), stream: stream})
			if err := c.QueryStream(t.Context(), nil, drop); !errors.Is(err, plugins.ErrLimit) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	c := openOver(t, statemachinetest.NewRegister())
	if err := c.QueryStream(t.Context(), []byte("nonsense"), drop); !errors.Is(err, statemachine.ErrInvalidQuery) {
		t.Errorf("a query that makes no sense: %v", err)
	}
}

// A host that gives a stream up ends it in the plugin at once: while the backend has
// nothing to say, and while it waits for the receiver.
// Rule SM-28.
func TestAStreamOfAQueryEndsWithItsHost(t *testing.T) {
	sent := new(atomic.Int64)
	for name, stream := range map[string]func(context.Context, func([]byte) error) error{
		"nothing to say": func(ctx context.Context, send func([]byte) error) error {
			if err := send([]byte("x")); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		},
		"without an end": func(_ context.Context, send func([]byte) error) error {
			for chunk := make([]byte, 64<<10); ; sent.Add(int64(len(chunk))) {
				if err := send(chunk); err != nil {
					return err
				}
			}
		},
	} {
		ended := make(chan error, 1)
		backend := func() statemachine.StateMachine {
			return feeder{Register: statemachinetest.NewRegister(), stream: func(ctx context.Context, send func([]byte) error) error {
				err := stream(ctx, send)
				ended <- err
				return err
			}}
		}
		t.Run(name, func(t *testing.T) {
			onBoth(t, backend, func(t *testing.T, c *statemachinerpc.Client) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				gone := errors.New("the client is gone")
				err := c.QueryStream(ctx, nil, func([]byte) error { return gone })
				if !errors.Is(err, gone) {
					t.Errorf("ended with %v", err)
				}
				if err := <-ended; err == nil {
					t.Error("the backend noticed nothing")
				}
				err = c.QueryStream(ctx, nil, func([]byte) error { cancel(); return nil })
				if !errors.Is(err, context.Canceled) {
					t.Errorf("ended with %v", err)
				}
				if err := <-ended; err == nil {
					t.Error("the backend noticed nothing of the end of its context")
				}
			})
		})
	}
	if sent.Load() == 0 {
		t.Error("nothing was sent without an end")
	}
}

// Streams that do not return although they were given up are bounded.
// Rule SM-29.
func TestStreamsOfQueriesAreBounded(t *testing.T) {
	stay := make(chan struct{})
	running := make(chan struct{})
	c := openOver(t, feeder{Register: statemachinetest.NewRegister(), stream: func(context.Context, func([]byte) error) error {
		running <- struct{}{}
		<-stay
		return nil
	}})
	defer close(stay)
	for i := range 2 * statemachine.MaxQueryStreams {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.QueryStream(ctx, nil, drop) }()
		<-running
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	if err := c.QueryStream(t.Context(), nil, drop); !errors.Is(err, statemachine.ErrTooManyStreams) {
		t.Errorf("one more: %v", err)
	}
}

func TestAPluginWithoutStreamsIsNotAsked(t *testing.T) {
	c := openOver(t, feeder{Register: statemachinetest.NewRegister(), silent: true, stream: func(context.Context, func([]byte) error) error {
		t.Error("it was asked")
		return nil
	}})
	if err := c.QueryStream(t.Context(), nil, drop); !errors.Is(err, statemachine.ErrNoQueryStreams) {
		t.Errorf("ended with %v", err)
	}
}

func (l *liar) QueryStream(_ *pluginv1.QueryStreamRequest, stream grpc.ServerStreamingServer[pluginv1.QueryStreamChunk]) error {
	for i := range l.stream {
		if err := stream.Send(&l.stream[i]); err != nil {
			return err
		}
	}
	return nil
}

// An answer is whole if its end mark says so, not because its stream ended well.
// Rules P-32, P-41 and P-42.
func TestStreamsOfQueriesWithoutTheRightEndAreRefused(t *testing.T) {
	chunk := func(n int) pluginv1.QueryStreamChunk { return pluginv1.QueryStreamChunk{Chunk: make([]byte, n)} }
	end := func(n int) pluginv1.QueryStreamChunk {
		return pluginv1.QueryStreamChunk{End: &pluginv1.StreamEnd{Length: uint64(n), Crc32: crc32.ChecksumIEEE(make([]byte, n))}}
	}
	ask := func(t *testing.T, messages ...pluginv1.QueryStreamChunk) error {
		l := &liar{stream: messages}
		conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStateMachineServer(r, l) })
		c := statemachinerpc.NewClient(conn, plugins.Info{Capabilities: []plugins.Capability{statemachine.CapabilityQueryStreams}})
		if _, err := c.Open(t.Context(), options()); err != nil {
			t.Fatal(err)
		}
		return c.QueryStream(t.Context(), nil, drop)
	}
	for name, messages := range map[string][]pluginv1.QueryStreamChunk{
		"nothing at all":      {},
		"no end":              {chunk(100), chunk(200)},
		"a chunk is missing":  {chunk(100), end(300)},
		"other bytes":         {{Chunk: bytes.Repeat([]byte{1}, 300)}, end(300)},
		"a chunk after it":    {chunk(100), end(100), chunk(1)},
		"a chunk in it":       {{Chunk: make([]byte, 100), End: end(100).End}},
		"a chunk is too long": {chunk(257 << 10), end(257 << 10)},
	} {
		t.Run(name, func(t *testing.T) { rpctest.CheckBreach(t, ask(t, messages...), "P-32", "P-41", "P-42") })
	}
	if err := ask(t, chunk(100), chunk(200), end(300)); err != nil {
		t.Errorf("a whole answer: %v", err)
	}
}
