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
	out, err := c.applyOne(ctx, statemachine.Batch{Through: c.confirmed()}, true)
	return out.Snapshot, err
}

func (c *Client) applyOne(ctx context.Context, b statemachine.Batch, prepare bool) (out statemachine.Outcome, err error) {
	err = c.own.Use(ctx, c.openApplier, func(a *applier) error {
		err := a.Submit(b, prepare)
		if err == nil || errors.Is(err, plugins.ErrClosed) {
			out, err = a.Recv()
		}
		return err
	})
	return out, err
}

// closeOwn ends the stream of Apply, which is idle, and waits for the other
// end to be done with it.
func (c *Client) closeOwn(ctx context.Context) {
	c.own.Close(ctx, func(a *applier) {
		if a.Close() == nil {
			_, _ = a.Recv() // io.EOF, or what ended it before
		}
	})
}
