package transportrpc

import (
	"context"
	"fmt"
	"io"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// SendSnapshot implements transport.Transport. An error of r ends the stream,
// so that the plugin never takes a part for the whole.
func (c *Client) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	o, err := c.usable()
	if err == nil {
		err = c.sendSnapshot(ctx, o, header, r)
	}
	if err != nil {
		return fmt.Errorf("send snapshot to %x: %w", header.To, err)
	}
	return nil
}

func (c *Client) sendSnapshot(ctx context.Context, o *pluginrpc.Opened, header transport.SnapshotHeader, r io.Reader) error {
	first := &pluginv1.SendSnapshotRequest{Call: o.Call, Header: &header}
	_, err := pluginrpc.Upload(ctx, &c.end, c.rpc.SendSnapshot, first, r, o.Limits.ChunkBytes(), sendParts,
		frames.OverGRPC()) // the backend waits for the peer
	return err
}

func sendParts(m *pluginv1.SendSnapshotRequest) (header bool, chunk *[]byte, end **pluginv1.StreamEnd) {
	return m.Header != nil, &m.Chunk, &m.End
}
