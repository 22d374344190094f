package statemachinerpc

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Client is the host's end of a state machine plugin.
type Client struct {
	rpc pluginv1.StateMachineClient
	end pluginrpc.HostEnd

	mu sync.Mutex
	// applied is the applied index that the plugin has confirmed; submitted
	// is how far it may be, if answers were not waited for.
	applied, submitted uint64
	// classes are what the plugin said at Open, wake is its next timer, hash the last hash
	// of its state that it was asked for.
	classes []statemachine.Class
	wake    uint64
	hash    []byte
	durable durability

	own pluginrpc.KeptStream[*applier] // of Apply
}

var (
	_ statemachine.StateMachine = (*Client)(nil)
	_ statemachine.Streamer     = (*Client)(nil)
	_ statemachine.Classer      = (*Client)(nil)
	_ statemachine.Timer        = (*Client)(nil)
	_ statemachine.Durable      = (*Client)(nil)

	_ statemachine.QueryStreamer = (*Client)(nil)
)

// NewClient returns the state machine at the other end of conn. info is what
// the plugin answered to Describe.
func NewClient(conn grpc.ClientConnInterface, info plugins.Info) *Client {
	return &Client{rpc: pluginv1.NewStateMachineClient(conn), end: pluginrpc.HostEnd{Info: info, Table: errorTable()}}
}

// Describe implements statemachine.StateMachine.
func (c *Client) Describe() plugins.Info { return c.end.Info }

// Open implements statemachine.StateMachine.
func (c *Client) Open(ctx context.Context, opts plugins.Options) (uint64, error) {
	var res *pluginv1.StateMachineOpenResponse
	err := c.end.Open(opts, func(options pluginv1.OpenOptions) (err error) {
		if res, err = c.rpc.Open(ctx, &pluginv1.StateMachineOpenRequest{Options: options}); err != nil {
			return c.end.Table.Error(ctx, err)
		}
		if res.AppliedIndex == math.MaxUint64 {
			return pluginrpc.Breach("SM-1", "applied index %d", res.AppliedIndex)
		}
		if err := statemachine.CheckClasses(res.Classes); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.classes, c.wake = res.Classes, res.Wake
		c.applied, c.submitted = res.AppliedIndex, res.AppliedIndex
		return c.durable.opened(c.end.Info, res.DurableIndex, res.AppliedIndex)
	})
	if err != nil {
		return 0, fmt.Errorf("open state machine: %w", err)
	}
	return res.AppliedIndex, nil
}

// Restore implements statemachine.StateMachine. An error of r is returned as
// it is.
func (c *Client) Restore(ctx context.Context, index uint64, r io.Reader) error {
	o, err := c.end.Opened()
	if err != nil {
		return err
	}
	c.closeOwn(ctx)
	if err := c.restore(ctx, o, index, r); err != nil {
		return fmt.Errorf("restore snapshot %d: %w", index, err)
	}
	return nil
}

func (c *Client) restore(ctx context.Context, o *pluginrpc.Opened, index uint64, r io.Reader) error {
	first := &pluginv1.RestoreRequest{Call: o.Call, Header: &pluginv1.RestoreHeader{Index: index}}
	res, err := pluginrpc.Upload(ctx, &c.end, c.rpc.Restore, first, r, o.Limits.ChunkBytes(), restoreParts)
	if err != nil {
		return err
	}
	if res.AppliedIndex != index {
		return pluginrpc.Breach("SM-39", "applied index %d after it", res.AppliedIndex)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied, c.submitted, c.wake = index, index, res.Wake
	return c.durable.restored(res.DurableIndex, index)
}

func restoreParts(m *pluginv1.RestoreRequest) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return m.Header != nil, &m.Chunk, &m.End
}

// Close implements statemachine.StateMachine.
func (c *Client) Close(ctx context.Context) error {
	c.closeOwn(ctx)
	return c.end.Close(ctx, "state machine", c.rpc.Close)
}

// Classes implements statemachine.Classer: it is the plugin's answer when it was
// opened.
func (c *Client) Classes() []statemachine.Class {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.classes
}

// NextTimer implements statemachine.Timer: it is the plugin's last answer.
func (c *Client) NextTimer() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wake
}

// StateHash implements statemachine.Hasher: it is the plugin's last answer.
func (c *Client) StateHash() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hash
}

// confirmed is the applied index that is certain.
func (c *Client) confirmed() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applied
}
