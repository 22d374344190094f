package storagerpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

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
	stream, err := pluginrpc.OpenStream(ctx, &c.end, c.rpc.Append)
	if err != nil {
		return nil, fmt.Errorf("open append stream: %w", err)
	}
	return &appender{stream: stream, limits: stream.Opened.Limits, req: pluginv1.AppendRequest{Call: stream.Opened.Call}}, nil
}

var _ storage.Timed = (*appender)(nil)

// appender is one Append stream. Encoding happens within SendMsg, so requests
// and answers are reused.
type appender struct {
	stream *pluginrpc.HostStream[pluginv1.AppendRequest, pluginv1.AppendResponse] // stopped when Recv has ended
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
	return fmt.Errorf("append batch %d: %w", a.req.Seq, a.stream.SendError(err))
}

// Recv implements storage.Appender.
func (a *appender) Recv() (uint64, error) {
	durable, err := a.receive()
	if err != nil {
		a.final.CompareAndSwap(nil, &err)
		a.stream.Stop()
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
		return 0, fmt.Errorf("append: %w", pluginrpc.Breach("ST-19", "stream ended after %d of %d batches", a.acked, sent))
	case err != nil:
		return 0, fmt.Errorf("append: batches after %d of %d: %w", a.acked, sent, a.stream.Error(err))
	case a.res.Seq <= a.acked || a.res.Seq > sent:
		return 0, fmt.Errorf("append: %w", pluginrpc.Breach("ST-9", "acknowledged batch %d after %d of %d", a.res.Seq, a.acked, sent))
	}
	a.acked = a.res.Seq
	return a.acked, nil
}

// Took implements storage.Timed, by the word of the plugin.
func (a *appender) Took() time.Duration { return pluginrpc.Duration(a.res.TookNs) }

// Close implements storage.Appender.
func (a *appender) Close() error {
	if a.closed.Swap(true) {
		return nil
	}
	return a.stream.CloseSend()
}

// Append implements storage.Storage, over a stream of its own that stays open
// for the next call. Batches travel one by one: those before one that the
// plugin refuses may be durable. Faults among them are found before any is
// sent.
func (c *Client) Append(ctx context.Context, batches []storage.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	err := c.own.Use(ctx, c.openAppender, func(a *appender) error { return sendAll(a, batches) })
	if err != nil {
		return fmt.Errorf("append %d batches: %w", len(batches), err)
	}
	return nil
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
