package storagerpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Appender implements storage.Streamer. The stream ends with ctx.
func (c *Client) Appender(ctx context.Context) (storage.Appender, error) {
	return c.openAppender(ctx)
}

func (c *Client) openAppender(ctx context.Context) (*appender, error) {
	o := c.opened.Load()
	if o == nil {
		return nil, plugins.ErrNotOpen
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.rpc.Append(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open append stream: %w", c.table.Error(ctx, err))
	}
	return &appender{
		ctx: ctx, cancel: cancel, table: c.table, stream: stream, limits: o.Limits,
		req: pluginv1.AppendRequest{Call: o.Call},
	}, nil
}

// appender is one Append stream. Encoding happens within SendMsg, so requests
// and answers are reused.
type appender struct {
	ctx    context.Context
	cancel context.CancelFunc // when Recv has ended
	table  *pluginrpc.Table
	stream grpc.BidiStreamingClient[pluginv1.AppendRequest, pluginv1.AppendResponse]
	limits plugins.Limits
	req    pluginv1.AppendRequest // of Send
	res    pluginv1.AppendResponse
	acked  uint64 // of Recv

	sent   atomic.Uint64
	closed atomic.Bool
	final  atomic.Pointer[error] // what Recv ended with
}

// Send implements storage.Appender.
func (a *appender) Send(b storage.Batch) error {
	if a.closed.Load() {
		return fmt.Errorf("append stream: %w", plugins.ErrClosed)
	}
	if final := a.final.Load(); final != nil {
		return *final
	}
	if err := checkBatchSize(b.Entries, a.limits); err != nil {
		return err
	}
	// The acknowledgement may arrive before SendMsg returns.
	a.req.Seq = a.sent.Add(1)
	a.req.Entries, a.req.HardState, a.req.MustSync = b.Entries, b.HardState, b.MustSync
	err := a.stream.SendMsg(&a.req)
	a.req.Entries = nil
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		// The stream has ended; its status is Recv's to learn.
		return fmt.Errorf("append batch %d: stream has ended: %w", a.req.Seq, plugins.ErrClosed)
	}
	return fmt.Errorf("append batch %d: %w", a.req.Seq, a.table.Error(a.ctx, err))
}

// Recv implements storage.Appender.
func (a *appender) Recv() (uint64, error) {
	durable, err := a.receive()
	if err != nil {
		a.final.CompareAndSwap(nil, &err)
		a.cancel()
	}
	return durable, err
}

func (a *appender) receive() (uint64, error) {
	a.res = pluginv1.AppendResponse{}
	err := a.stream.RecvMsg(&a.res)
	sent := a.sent.Load()
	switch {
	case errors.Is(err, io.EOF) && a.closed.Load() && a.acked == sent:
		return 0, io.EOF
	case errors.Is(err, io.EOF):
		return 0, fmt.Errorf("append: %w", pluginrpc.BadAnswer("stream ended after %d of %d batches", a.acked, sent))
	case err != nil:
		return 0, fmt.Errorf("append: batches after %d of %d: %w", a.acked, sent, a.table.Error(a.ctx, err))
	case a.res.Seq <= a.acked || a.res.Seq > sent:
		return 0, fmt.Errorf("append: %w", pluginrpc.BadAnswer("acknowledged batch %d after %d of %d", a.res.Seq, a.acked, sent))
	}
	a.acked = a.res.Seq
	return a.acked, nil
}

// Close implements storage.Appender.
func (a *appender) Close() error {
	if a.closed.Swap(true) {
		return nil
	}
	return a.stream.CloseSend()
}

// Append implements storage.Storage, over a stream of its own that stays open
// for the next call. Batches travel one by one: those before one that the
// plugin refuses may be durable. What is wrong among them is found before any
// is sent.
func (c *Client) Append(ctx context.Context, batches []storage.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	if err := c.append(ctx, batches); err != nil {
		return fmt.Errorf("append %d batches: %w", len(batches), err)
	}
	return nil
}

func (c *Client) append(ctx context.Context, batches []storage.Batch) error {
	if c.own == nil {
		streamCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		own, err := c.openAppender(streamCtx)
		if err != nil {
			stop()
			return err
		}
		c.own, c.ownStop = own, stop
	}
	unwatch := context.AfterFunc(ctx, c.ownStop)
	err := sendAll(c.own, batches)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if !unwatch() || err != nil { // the stream is of no more use
		c.ownStop()
		c.own = nil
	}
	return err
}

// sendAll sends batches and waits until all are durable.
func sendAll(a *appender, batches []storage.Batch) error {
	for i := range batches {
		if err := checkBatchSize(batches[i].Entries, a.limits); err != nil {
			return err
		}
	}
	if err := checkSequence(batches); err != nil {
		return err
	}
	for i := range batches {
		if err := a.Send(batches[i]); err != nil {
			return drain(a, err)
		}
	}
	for want := a.sent.Load(); a.acked < want; {
		if _, err := a.Recv(); err != nil {
			return err
		}
	}
	return nil
}

// drain finds the cause of a failed Send.
func drain(a *appender, sendErr error) error {
	for {
		if _, err := a.Recv(); errors.Is(err, io.EOF) {
			return sendErr
		} else if err != nil {
			return err
		}
	}
}
