package statemachinerpc

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Apply implements statemachine.StateMachine, over a stream of its own that
// stays open for the next call.
func (c *Client) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	out, err := c.applyOne(ctx, b, false)
	return out.Results, err
}

// PrepareSnapshot implements statemachine.StateMachine.
func (c *Client) PrepareSnapshot(ctx context.Context) (statemachine.Snapshot, error) {
	applied, _ := c.progress()
	out, err := c.applyOne(ctx, statemachine.Batch{Through: applied}, true)
	return out.Snapshot, err
}

func (c *Client) applyOne(ctx context.Context, b statemachine.Batch, prepare bool) (statemachine.Outcome, error) {
	if c.own == nil {
		streamCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		own, err := c.openApplier(streamCtx)
		if err != nil {
			stop()
			return statemachine.Outcome{}, err
		}
		c.own, c.ownStop = own, stop
	}
	unwatch := context.AfterFunc(ctx, c.ownStop)
	err := c.own.Submit(b, prepare)
	var out statemachine.Outcome
	if err == nil || errors.Is(err, plugins.ErrClosed) {
		out, err = c.own.Recv()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if !unwatch() || err != nil { // the stream is of no more use
		c.ownStop()
		c.own = nil
	}
	return out, err
}

// closeOwn ends the stream of Apply, which is idle, and waits for the other
// end to be done with it.
func (c *Client) closeOwn(ctx context.Context) {
	if c.own == nil {
		return
	}
	unwatch := context.AfterFunc(ctx, c.ownStop)
	if c.own.Close() == nil {
		_, _ = c.own.Recv() // io.EOF, or whatever ended it before
	}
	unwatch()
	c.ownStop()
	c.own = nil
}
