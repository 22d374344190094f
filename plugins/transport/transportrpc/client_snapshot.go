package transportrpc

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// SendSnapshot implements transport.Transport. An error of r ends the stream,
// so that the plugin never takes a part for the whole.
func (c *Client) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	o, err := c.usable()
	if err != nil {
		return fmt.Errorf("send snapshot to %x: %w", header.To, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.sendSnapshot(ctx, o, header, r); err != nil {
		return fmt.Errorf("send snapshot to %x: %w", header.To, err)
	}
	return nil
}

func (c *Client) sendSnapshot(ctx context.Context, o *pluginrpc.Opened, header transport.SnapshotHeader, r io.Reader) error {
	stream, err := c.rpc.SendSnapshot(ctx, frames.OverGRPC()) // the backend waits for the peer
	if err != nil {
		return c.table.Error(ctx, err)
	}
	complete, err := sendChunks(ctx, stream, o, header, r)
	if err != nil {
		return err
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		return c.table.Error(ctx, err)
	}
	if !complete {
		return pluginrpc.BadAnswer("accepted before it was complete")
	}
	return nil
}

// sendChunks sends header and chunks. It is not complete if the plugin ended
// the stream before. Errors are those of r and ctx: the stream may notice later than
// r that the caller has given up, and would carry the end of the snapshot.
func sendChunks(ctx context.Context, stream grpc.ClientStreamingClient[pluginv1.SendSnapshotRequest, pluginv1.SendSnapshotResponse],
	o *pluginrpc.Opened, header transport.SnapshotHeader, r io.Reader,
) (complete bool, err error) {
	req := pluginv1.SendSnapshotRequest{Call: o.Call, Header: header}
	buf := make([]byte, o.Limits.ChunkBytes())
	for !req.Done {
		if stream.Send(&req) != nil {
			return false, nil
		}
		n, last, err := pluginrpc.ReadChunk(r, buf)
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return false, err
		}
		req = pluginv1.SendSnapshotRequest{Chunk: buf[:n], Done: last}
	}
	return stream.Send(&req) == nil, nil
}
