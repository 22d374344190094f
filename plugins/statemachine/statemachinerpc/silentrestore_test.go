package statemachinerpc

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// silentStream says nothing, and has been asked once asked is closed.
type silentStream struct {
	grpc.ServerStream
	ctx   context.Context
	asked chan struct{}
}

func (s *silentStream) Context() context.Context                     { return s.ctx }
func (s *silentStream) SendAndClose(*pluginv1.RestoreResponse) error { panic("unused") }
func (s *silentStream) Recv() (*pluginv1.RestoreRequest, error)      { panic("unused") }

func (s *silentStream) RecvMsg(any) error {
	close(s.asked)
	<-s.ctx.Done()
	return s.ctx.Err()
}

// A Restore stream that says nothing has no turn: restores and batches of others do not
// wait for it.
func TestARestoreThatSaysNothingHasNoTurn(t *testing.T) {
	s := &server{backend: statemachinetest.NewRegister(), end: pluginrpc.PluginEnd{Table: errorTable()}, applying: pluginrpc.NewTurn()}
	ctx, end := context.WithCancel(t.Context())
	silent := &silentStream{ctx: ctx, asked: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- s.Restore(silent) }()
	<-silent.asked
	select {
	case s.applying <- struct{}{}:
	default:
		t.Error("the silent stream has the turn")
	}
	end()
	if err := <-ended; err == nil {
		t.Error("the silent stream ended well")
	}
}
