package client

import (
	"context"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// PluginLines asks the member at endpoint, once, for lines that one of its plugins has
// written. It needs the role administer.
func (c *Client) PluginLines(ctx context.Context, endpoint string, req *hostv1.PluginLinesRequest) (*hostv1.PluginLinesResponse, error) {
	return askOne(ctx, c, endpoint, request{reads: true}, req, hostv1.HostClient.PluginLines)
}

// RestartPlugin asks the member at endpoint, once, to replace the process of one of its
// plugins by a new one, and returns how the plugin is when the new one serves. It needs
// the role administer.
func (c *Client) RestartPlugin(ctx context.Context, endpoint string, req *hostv1.RestartPluginRequest) (*hostv1.PluginStatus, error) {
	resp, err := askOne(ctx, c, endpoint, request{}, req, hostv1.HostClient.RestartPlugin)
	return resp.GetPlugin(), err
}

// UpgradePlugin asks the member at endpoint, once, to replace the process of one of its
// plugins by one of the version that its catalog pins. It needs the role administer.
func (c *Client) UpgradePlugin(ctx context.Context, endpoint string, req *hostv1.UpgradePluginRequest) (*hostv1.UpgradePluginResponse, error) {
	return askOne(ctx, c, endpoint, request{}, req, hostv1.HostClient.UpgradePlugin)
}

// MoveStorage asks the member at endpoint, once, to move its store to the storage that its
// own configuration has as the next one. The answer comes before the copy begins, and Status
// tells how it goes on; a move that is under way or done is not begun again. It needs the role
// administer.
func (c *Client) MoveStorage(ctx context.Context, endpoint string, req *hostv1.MoveStorageRequest) (*hostv1.MoveStorageResponse, error) {
	return askOne(ctx, c, endpoint, request{}, req, hostv1.HostClient.MoveStorage)
}

// askOne asks the member at endpoint, once.
func askOne[Req, Res any](ctx context.Context, c *Client, endpoint string, r request, req *Req,
	method func(hostv1.HostClient, context.Context, *Req, ...grpc.CallOption) (*Res, error),
) (*Res, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel)
	defer stop()
	var answer *Res
	r.send = func(ctx context.Context, host hostv1.HostClient) (err error) {
		answer, err = method(host, ctx, req)
		return err
	}
	if e := c.try(ctx, endpoint, r); e != nil {
		return nil, e
	}
	return answer, nil
}
