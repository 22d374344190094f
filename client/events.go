package client

import (
	"context"
	"errors"
	"io"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// Events asks the member at endpoint for what has happened in it, and gives each part of the
// answer to take, until the answer ends, or take returns an error, which Events returns. The
// first part is the header. An answer that follows goes on until ctx ends, or is broken off:
// ask again then, with the number and the start of the last event. It needs the role read.
func (c *Client) Events(ctx context.Context, endpoint string, req *hostv1.EventsRequest, take func(*hostv1.EventsResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	var taken error
	r := request{reads: true, send: func(ctx context.Context, host hostv1.HostClient) error {
		stream, err := host.Events(ctx, req)
		if err != nil {
			return err
		}
		for {
			part, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if taken = take(part); taken != nil {
				return nil
			}
		}
	}}
	if e := c.try(ctx, endpoint, r); e != nil {
		return e
	}
	return taken
}
