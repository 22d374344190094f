package transportrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/bucket"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Client is the host's end of a transport plugin.
type Client struct {
	rpc pluginv1.TransportClient
	end pluginrpc.HostEnd
	// heard counts what came on the Raft stream.
	heard atomic.Uint64
	// credit is how much the plugin may still tell; of receive.
	credit *bucket.Bucket

	// ctx is the life of the Raft stream and of snapshots being received.
	ctx     context.Context
	cancel  context.CancelCauseFunc
	handler transport.Handler
	tasks   sync.WaitGroup // goroutines that call the handler
	offers  chan struct{}  // a token for each snapshot being received
	// refusals has a token for each that is being refused.
	refusals chan struct{}
	done     chan struct{} // closed when the Raft stream has ended; err is set then
	err      error

	sending pluginrpc.Turn // held while something is sent
	stream  grpc.BidiStreamingClient[pluginv1.RaftOutbound, pluginv1.RaftInbound]
	req     pluginv1.RaftOutbound

	closing   sync.Mutex
	closed    bool
	closedErr error
}

var _ transport.Transport = (*Client)(nil)

// maxReceiving is how many snapshots may be received at a time, whatever a
// backend allows; others are refused, and their senders try again.
const maxReceiving = transport.MostSnapshots

// NewClient returns the transport at the end of conn. info is what the plugin
// answered to Describe.
func NewClient(conn grpc.ClientConnInterface, info plugins.Info) *Client {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Client{
		rpc: pluginv1.NewTransportClient(conn), end: pluginrpc.HostEnd{Info: info, Table: errorTable()},
		ctx: ctx, cancel: cancel,
		offers:   make(chan struct{}, maxReceiving),
		refusals: make(chan struct{}, maxReceiving),
		done:     make(chan struct{}),
		sending:  pluginrpc.NewTurn(),
		credit:   bucket.New(eventsPerSecond, eventsAtOnce, time.Now()),
	}
}

// Describe implements transport.Transport.
func (c *Client) Describe() plugins.Info { return c.end.Info }

// Open implements transport.Transport. The handler is called from one
// goroutine, except for ReceiveSnapshot, which has one for each snapshot.
func (c *Client) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	address, err := c.open(ctx, opts, h)
	if err != nil {
		return "", fmt.Errorf("open transport: %w", err)
	}
	return address, nil
}

func (c *Client) open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	if _, err := c.end.Opened(); err == nil {
		return "", fmt.Errorf("is open: %w", plugins.ErrInvalidArgument)
	}
	common, err := pluginrpc.CheckOptions(opts.Options)
	if err != nil {
		return "", err
	}
	res, err := c.rpc.Open(ctx, &pluginv1.TransportOpenRequest{
		Options: pluginrpc.WireOptions(common), Listen: opts.Listen, Advertise: opts.Advertise,
	})
	if err != nil {
		return "", c.end.Table.Error(ctx, err)
	}
	if err := checkAddress(res.Address); err != nil {
		return "", err
	}
	if err := c.start(ctx, common, h); err != nil {
		return "", err
	}
	return res.Address, nil
}

// start opens the Raft stream, which outlives ctx.
func (c *Client) start(ctx context.Context, opts plugins.Options, h transport.Handler) error {
	stream, err := c.rpc.Raft(c.ctx)
	if err != nil {
		return c.end.Table.Error(ctx, err)
	}
	c.stream, c.handler = stream, h
	c.req.Call = pluginrpc.NewOpened(opts).Call
	// The first message carries the call, so that the plugin knows whose
	// stream it is.
	if err := stream.SendMsg(&c.req); err != nil && !errors.Is(err, io.EOF) {
		return c.end.Table.Error(ctx, err)
	}
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return plugins.ErrClosed
	}
	c.tasks.Add(1)
	go c.receive(c.end.SetOpened(opts))
	return nil
}

// Done is closed when the plugin can no longer send or deliver anything: after
// Close, when it is gone, or when it broke the contract. Err says which.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why Done is closed: nil after Close, otherwise plugins.ErrGone,
// plugins.ErrBadAnswer or the plugin's own error.
func (c *Client) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// usable returns what Open left, or why there is nothing.
func (c *Client) usable() (*pluginrpc.Opened, error) {
	if errors.Is(context.Cause(c.ctx), errClosed) {
		return nil, plugins.ErrClosed
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return c.end.Opened()
}

// SetPeers implements transport.Transport.
func (c *Client) SetPeers(ctx context.Context, set transport.PeerSet) error {
	opened, err := c.usable()
	if err != nil {
		return err
	}
	req := &pluginv1.SetPeersRequest{
		Call: opened.Call, Peers: set.Peers, Removed: set.Removed, Self: pluginv1.Greeting(set.Self), Joining: set.Joining,
	}
	if _, err := pluginrpc.Ask(ctx, &c.end, c.rpc.SetPeers, req); err != nil {
		return fmt.Errorf("set %d peers: %w", len(set.Peers), err)
	}
	return nil
}

// Ping implements transport.Pinger; only a plugin with the capability is asked.
func (c *Client) Ping(ctx context.Context, peer transport.Peer) error {
	opened, err := c.usable()
	if err == nil {
		_, err = pluginrpc.Ask(ctx, &c.end, c.rpc.Ping, &pluginv1.PingRequest{Call: opened.Call, Peer: peer})
	}
	return err
}

// Close implements transport.Transport. The handler is not called any more
// when it returns, unless ctx ended before.
func (c *Client) Close(ctx context.Context) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return c.closedErr
	}
	c.closed = true
	c.closedErr = c.end.Close(ctx, "transport", c.rpc.Close)
	c.cancel(errClosed)
	if _, err := c.end.Opened(); err != nil {
		close(c.done) // there was never a stream
	}
	if err := c.wait(ctx); err != nil && c.closedErr == nil {
		c.closedErr = fmt.Errorf("close transport: handler is still running: %w", err)
	}
	return c.closedErr
}

// errClosed is the cause of an end that was asked for.
var errClosed = errors.New("transport was closed")

// wait waits for the goroutines that call the handler.
func (c *Client) wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		c.tasks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
