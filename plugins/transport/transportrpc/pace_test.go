package transportrpc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// trickle is a stream on which a chunk comes after each pause.
type trickle struct {
	grpc.BidiStreamingClient[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse]
	ctx   context.Context
	pause time.Duration
	size  int
}

func (s *trickle) RecvMsg(m any) error {
	select {
	case <-time.After(s.pause):
		m.(*pluginv1.ReceiveSnapshotResponse).Chunk = make([]byte, s.size)
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// A plugin that has its host wait for a snapshot that it has offered is waited for as
// long as a step of it comes in time, in chunks of any size; how long the host takes for
// what has come does not count.
// Rule TR-42.
func TestASnapshotThatDoesNotArriveIsGivenUp(t *testing.T) {
	const election = time.Second
	step := stepTime(election)
	for name, c := range map[string]struct {
		pause, host time.Duration
		size        int
		moves       bool
	}{
		"steps":             {pause: step, size: paceStep, moves: true},
		"the largest chunk": {pause: paceSteps*step - time.Second, size: paceSteps * paceStep, moves: true},
		"a slow host":       {pause: step, host: time.Hour, size: paceStep, moves: true},
		"a trickle":         {pause: step, size: 1},
		"nothing":           {pause: 1000 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := newPaced(&trickle{ctx: ctx, pause: c.pause, size: c.size}, cancel, election)
				var err error
				for range 100 {
					if _, err = p.Recv(); err != nil {
						break
					}
					time.Sleep(c.host)
				}
				if c.moves != (err == nil) || err != nil && !errors.Is(err, errStalled) {
					t.Error(err)
				}
			})
		})
	}
}
