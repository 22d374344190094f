package statemachinerpc

import (
	"context"
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Query implements statemachine.StateMachine.
func (c *Client) Query(ctx context.Context, data []byte) ([]byte, error) {
	res, err := pluginrpc.Ask(ctx, &c.end, c.rpc.Query, &pluginv1.QueryRequest{Call: c.end.Call(), Data: data})
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return res.Data, nil
}

// QueryStream implements statemachine.QueryStreamer. An error of send is returned as it
// is. A plugin without the capability is not asked.
func (c *Client) QueryStream(ctx context.Context, query []byte, send func(chunk []byte) error) error {
	o, err := c.end.Opened()
	if err != nil {
		return err
	}
	if !c.end.Info.Has(statemachine.CapabilityQueryStreams) {
		return fmt.Errorf("%s: %w", c.end.Info.Name, statemachine.ErrNoQueryStreams)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.QueryStream(ctx, &pluginv1.QueryStreamRequest{Call: o.Call, Data: query})
	if err != nil {
		return fmt.Errorf("query stream: %w", c.end.Table.Error(ctx, err))
	}
	in := pluginrpc.Arriving(ctx, c.end.Table, stream, o.Limits.MaxChunkBytes, queryParts).Alone()
	for {
		chunk, last, err := in.Next()
		if err != nil {
			return fmt.Errorf("query stream: %w", err)
		}
		if last {
			return nil
		}
		if err := send(chunk); err != nil {
			return err
		}
	}
}

func queryParts(m *pluginv1.QueryStreamChunk) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return false, &m.Chunk, &m.End
}
