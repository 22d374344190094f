package statemachinerpc

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// deafStream gives one batch and takes no answer. Its host stays connected, and
// would wait for one for ever.
type deafStream struct {
	grpc.ServerStream
	ctx  context.Context
	call pluginv1.Call
	seq  uint64
}

var errDeaf = errors.New("the answer does not fit")

func (s *deafStream) Context() context.Context              { return s.ctx }
func (s *deafStream) SendMsg(any) error                     { return errDeaf }
func (s *deafStream) Send(*pluginv1.ApplyResponse) error    { return errDeaf }
func (s *deafStream) Recv() (*pluginv1.ApplyRequest, error) { panic("unused") }

func (s *deafStream) RecvMsg(m any) error {
	if s.seq++; s.seq > 1 {
		<-s.ctx.Done()
		return s.ctx.Err()
	}
	*m.(*pluginv1.ApplyRequest) = pluginv1.ApplyRequest{
		Call: s.call, Seq: 1, Through: 1, PrepareSnapshot: true, Entries: []pluginv1.ApplyEntry{{Index: 1, Data: []byte("a")}},
	}
	return nil
}

// An answer that cannot be sent ends the stream, with an error for the host.
// Received batches are applied, and their snapshot released; the next stream
// is served after that.
// Rule SM-12.
func TestAnAnswerThatCannotBeSentEndsTheStream(t *testing.T) {
	register := statemachinetest.NewRegister()
	s := &server{backend: register, end: pluginrpc.PluginEnd{Table: errorTable()}, applying: pluginrpc.NewTurn()}
	opts := pluginv1.OpenOptions{ClusterId: 1, NodeId: 1, Group: 1, Incarnation: 1}
	if _, err := s.Open(t.Context(), &pluginv1.StateMachineOpenRequest{Options: opts}); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	stream := &deafStream{ctx: ctx, call: pluginv1.Call{Group: 1, Incarnation: 1}}
	err := s.Apply(stream) // returns while the host is still there
	if err == nil {
		t.Fatal("the stream ended well")
	}
	t.Log(pluginrpc.NewTable().Error(ctx, err))
	end() // as gRPC and frames do when the handler has returned
	if err := s.applying.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := register.Applied(); n != 1 {
		t.Errorf("applied %d, want 1", n)
	}
	if n := s.snapshots.reserved; n != 0 {
		t.Errorf("%d snapshots are still prepared", n)
	}
}
