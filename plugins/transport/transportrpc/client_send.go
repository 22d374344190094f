package transportrpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Send implements transport.Transport. It waits only while the plugin does not
// read its stream at all. If ctx ends meanwhile the stream is given up, because
// half a message cannot be taken back: the transport is gone then. Messages
// that are too large for the connection are reported to the handler as any
// other that is dropped.
func (c *Client) Send(ctx context.Context, envelopes []transport.Envelope) error {
	// The state of the host when it made the messages: news that it hears while
	// they wait, or in the middle of them, must not make outdated ones pass.
	heard := c.heard.Load() + 1
	o, err := c.usable()
	if err == nil {
		err = c.send(ctx, o, envelopes, heard)
	}
	if err != nil {
		return fmt.Errorf("send %d messages: %w", len(envelopes), err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, o *pluginrpc.Opened, envelopes []transport.Envelope, heard uint64) error {
	if err := c.sending.Take(ctx); err != nil {
		return err
	}
	defer c.sending.Give()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() {
			c.cancel(fmt.Errorf("%w: it took no messages: %w", plugins.ErrGone, context.Cause(ctx)))
		})()
	}
	for len(envelopes) > 0 {
		n := head(envelopes, o.Limits)
		if n == 0 {
			c.tooLarge(&envelopes[0], o.Limits)
			envelopes = envelopes[1:]
			continue
		}
		c.req.Envelopes, c.req.Heard = envelopes[:n], heard
		err := c.stream.SendMsg(&c.req) // encodes before it returns
		c.req.Envelopes = nil
		if err != nil {
			return c.broken(ctx, err)
		}
		envelopes = envelopes[n:]
	}
	return nil
}

// head is how many envelopes go into one message: nearly always all; none if
// the first is too large for any.
func head(envelopes []transport.Envelope, limits plugins.Limits) int {
	total := 0
	for i := range envelopes {
		size := len(envelopes[i].Payload)
		total += size + envelopeOverhead
		if size > maxPayload(limits) || i > 0 && total > int(limits.BatchBytes()) {
			return i
		}
	}
	return len(envelopes)
}

func (c *Client) tooLarge(e *transport.Envelope, limits plugins.Limits) {
	c.handler.Notify([]transport.Event{{
		Type:   pluginv1.EventType_EVENT_UNREACHABLE,
		Peer:   e.To,
		Detail: fmt.Sprintf("message of %d bytes, at most %d", len(e.Payload), maxPayload(limits)),
	}})
}

// broken explains a failed SendMsg.
func (c *Client) broken(ctx context.Context, err error) error {
	if !errors.Is(err, io.EOF) {
		return c.end.Table.Error(c.ctx, err)
	}
	select {
	case <-c.done: // receive learns the stream's status
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.err != nil {
		return c.err
	}
	return fmt.Errorf("transport: %w", plugins.ErrClosed)
}
