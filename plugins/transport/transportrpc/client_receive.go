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

// receive hands what the plugin delivers to the handler until the stream ends.
func (c *Client) receive(o *pluginrpc.Opened) {
	defer c.tasks.Done()
	err := c.deliver(o)
	if cause := context.Cause(c.ctx); cause != nil {
		err = cause
	}
	if !errors.Is(err, errClosed) {
		c.err = fmt.Errorf("raft stream: %w", err)
	}
	c.cancel(err) // ends the snapshots that are being received
	close(c.done)
}

func (c *Client) deliver(o *pluginrpc.Opened) error {
	for {
		// Envelopes and events belong to the handler.
		m, err := c.stream.Recv()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("plugin ended it: %w", plugins.ErrGone)
		}
		if err != nil {
			return c.end.Table.Error(c.ctx, err)
		}
		c.heard.Add(1)
		if err := checkInbound(m, o); err != nil {
			return err
		}
		told := told(m) // the events are the handler's soon
		if len(m.Envelopes) > 0 {
			c.handler.Deliver(m.Envelopes)
		}
		if events := c.takeOffers(o, m.Events); len(events) > 0 {
			c.handler.Notify(events)
		}
		if err := c.holdUp(told); err != nil {
			return err
		}
	}
}

// takeOffers starts receiving what is offered and returns the other events.
func (c *Client) takeOffers(o *pluginrpc.Opened, events []transport.Event) []transport.Event {
	rest := events[:0]
	for _, e := range events {
		switch {
		case e.Type == pluginv1.EventType_EVENT_SNAPSHOT_OFFERED:
			c.takeOffer(o, e)
		case known(e.Type):
			rest = append(rest, e)
		}
	}
	return rest
}

// takeOffer receives a snapshot, or refuses it if that are enough. The plugin's own end
// lets offers wait that are more than an honest one has, and gives them up.
func (c *Client) takeOffer(o *pluginrpc.Opened, e transport.Event) {
	var refusal string
	place := c.offers
	select {
	case place <- struct{}{}:
	default:
		refusal = fmt.Sprintf("%d snapshots are being received", maxReceiving)
		place = c.refusals
		select {
		case place <- struct{}{}:
		default:
			return
		}
	}
	c.tasks.Add(1)
	go func() {
		defer c.tasks.Done()
		defer func() { <-place }()
		if err := c.receiveSnapshot(o, e, refusal); err != nil && errors.Is(err, plugins.ErrBadAnswer) {
			c.cancel(fmt.Errorf("snapshot from %x: %w", e.Peer, err))
		}
	}()
}

// receiveSnapshot runs one ReceiveSnapshot stream. The plugin reports its end
// to the sender; this end needs to know only whether the contract was broken.
func (c *Client) receiveSnapshot(o *pluginrpc.Opened, e transport.Event, refusal string) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	stream, err := c.receiving(ctx, cancel, o)
	if err != nil {
		return err
	}
	if stream.Send(&pluginv1.ReceiveSnapshotRequest{Call: o.Call, Offer: e.Offer}) != nil {
		return c.drain(ctx, stream)
	}
	if refusal == "" {
		if refusal, err = c.handle(ctx, o, e, stream); err != nil {
			return err
		}
	}
	if stream.Send(&pluginv1.ReceiveSnapshotRequest{Verdict: true, Error: refusal}) == nil {
		_ = stream.CloseSend() // if either failed, drain finds out why
	}
	stream.renew()
	return c.drain(ctx, stream)
}

// handle lets the handler take the snapshot and returns its verdict: empty if
// it accepted. A broken contract, or an end of the transport, is an error and no
// verdict.
func (c *Client) handle(ctx context.Context, o *pluginrpc.Opened, e transport.Event, stream *paced) (string, error) {
	in := pluginrpc.Arriving(ctx, c.end.Table, stream, o.Limits.MaxChunkBytes, receiveParts)
	first, err := in.Header()
	if err != nil {
		return "", err
	}
	header := *first.Header
	if err := checkHeader(header, e.Peer, o); err != nil {
		return "", err
	}
	if header.Bytes > 0 { // otherwise the end says it
		in.Announced(header.Bytes)
	}
	r := in.ReaderOf("snapshot")
	err = c.handler.ReceiveSnapshot(ctx, header, r)
	switch {
	case errors.Is(r.Err(), plugins.ErrBadAnswer):
		return "", r.Err()
	case errors.Is(err, plugins.ErrClosed): // a receiver that is closing has refused nothing
		return "", err
	case err != nil:
		return refusalText(err), nil
	case !errors.Is(r.Err(), io.EOF):
		return "snapshot was not read to its end", nil
	}
	return "", nil
}

// maxRefusal bounds the text of a refusal.
const maxRefusal = 1 << 10

// refusalText is never empty.
func refusalText(err error) string {
	text := err.Error()
	if text == "" {
		return "refused"
	}
	return text[:min(len(text), maxRefusal)]
}

// drain reads the stream's rest, which is of no more use, and its status.
func (c *Client) drain(ctx context.Context, stream *paced) error {
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.end.Table.Error(ctx, err)
		}
	}
}

func receiveParts(m *pluginv1.ReceiveSnapshotResponse) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return m.Header != nil, &m.Chunk, &m.End
}
