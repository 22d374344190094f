package transportrpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

const (
	// paceStep is how much of an arriving snapshot must come in each stepTime.
	paceStep = 64 << 10
	// paceSteps are the steps that a plugin is ahead at most: it may fill the largest
	// chunk before it sends it.
	paceSteps = plugins.MaxChunkBytes / paceStep
)

// stepTime is what a host gives its own snapshots on their way, and far more than
// backends give a sender.
func stepTime(election time.Duration) time.Duration { return 30*time.Second + 2*election }

// errStalled: a plugin has a host wait for a snapshot that it has offered.
var errStalled = errors.New("the snapshot does not get on")

// paced is the stream of an arriving snapshot, which ends when the plugin lets the host
// wait for too long: a place among maxReceiving is not to be lost for ever. The time in
// which the host reads nothing does not count.
type paced struct {
	grpc.BidiStreamingClient[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse]
	giveUp context.CancelFunc
	step   time.Duration
	left   time.Duration
}

// receiving opens the stream; giveUp ends ctx.
func (c *Client) receiving(ctx context.Context, giveUp context.CancelFunc, o *pluginrpc.Opened) (*paced, error) {
	stream, err := c.rpc.ReceiveSnapshot(ctx)
	if err != nil {
		return nil, c.end.Table.Error(ctx, err)
	}
	return newPaced(stream, giveUp, o.Election), nil
}

func newPaced(stream grpc.BidiStreamingClient[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse],
	giveUp context.CancelFunc, election time.Duration,
) *paced {
	p := &paced{BidiStreamingClient: stream, giveUp: giveUp, step: stepTime(election)}
	p.renew()
	return p
}

// renew gives the plugin its whole time for what is next.
func (p *paced) renew() { p.left = paceSteps * p.step }

// Recv implements grpc.BidiStreamingClient.
func (p *paced) Recv() (*pluginv1.ReceiveSnapshotResponse, error) {
	res := new(pluginv1.ReceiveSnapshotResponse)
	return res, p.RecvMsg(res)
}

// RecvMsg implements grpc.ClientStream.
func (p *paced) RecvMsg(m any) error {
	begun := time.Now()
	timer := time.AfterFunc(p.left, p.giveUp)
	err := p.BidiStreamingClient.RecvMsg(m)
	timer.Stop()
	p.left -= time.Since(begun)
	if err == nil {
		came := len(m.(*pluginv1.ReceiveSnapshotResponse).Chunk)
		p.left = min(p.left+p.step*time.Duration(came)/paceStep, paceSteps*p.step)
	} else if p.left <= 0 {
		err = fmt.Errorf("%w: less than %d bytes in %v: %w", errStalled, paceStep, p.step, err)
	}
	return err
}
