package statemachinerpc

import (
	"context"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Register serves backend.
func Register(r grpc.ServiceRegistrar, backend statemachine.StateMachine) {
	pluginv1.RegisterStateMachineServer(r, &server{
		backend:  backend,
		end:      pluginrpc.PluginEnd{Table: errorTable()},
		applying: pluginrpc.NewTurn(),
		syncing:  pluginrpc.NewTurn(),
	})
}

type server struct {
	pluginv1.UnimplementedStateMachineServer
	backend   statemachine.StateMachine
	end       pluginrpc.PluginEnd
	snapshots snapshots
	// applying is the turn of Apply and Restore streams: the contract has them one
	// after the other.
	applying pluginrpc.Turn
	// syncing is the turn of Syncs. A host gives up one that hangs, and asks again.
	syncing pluginrpc.Turn
	// beside keeps Restore and the calls that may not run beside it apart.
	beside beside
	// streams counts the calls of QueryStream that have not returned.
	streams atomic.Int32
}

// Open implements pluginv1.StateMachineServer.
func (s *server) Open(ctx context.Context, req *pluginv1.StateMachineOpenRequest) (*pluginv1.StateMachineOpenResponse, error) {
	return pluginrpc.AnswerOpen(&s.end, req.Options, func(opts plugins.Options) (*pluginv1.StateMachineOpenResponse, error) {
		if err := statemachine.CheckAnnounced(s.backend); err != nil {
			return nil, err
		}
		applied, err := s.backend.Open(ctx, opts)
		if err != nil {
			return nil, err
		}
		res := &pluginv1.StateMachineOpenResponse{AppliedIndex: applied, DurableIndex: statemachine.DurableIndex(s.backend)}
		if c, ok := s.backend.(statemachine.Classer); ok {
			res.Classes = c.Classes()
		}
		res.Wake = statemachine.NextTimer(s.backend)
		return res, nil
	})
}

// Close implements pluginv1.StateMachineServer. Snapshots that were not taken
// are released.
func (s *server) Close(ctx context.Context, req *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return pluginrpc.AnswerClose(&s.end, req, func() error {
		s.snapshots.releaseAll()
		return s.backend.Close(ctx)
	})
}

// Restore implements pluginv1.StateMachineServer.
func (s *server) Restore(stream grpc.ClientStreamingServer[pluginv1.RestoreRequest, pluginv1.RestoreResponse]) error {
	return pluginrpc.AnswerUpload(&s.end, stream, restoreParts, func(first *pluginv1.RestoreRequest, in *pluginrpc.Chunks[pluginv1.RestoreRequest]) (*pluginv1.RestoreResponse, error) {
		// A stream that says nothing, or not whose it is, has no turn.
		if err := s.applying.Take(stream.Context()); err != nil {
			return nil, err
		}
		defer s.applying.Give()
		if err := s.beside.alone(stream.Context()); err != nil {
			return nil, err
		}
		defer s.beside.admit()
		index, r := first.Header.Index, in.Reader()
		if err := s.backend.Restore(stream.Context(), index, r); err != nil {
			return nil, err
		}
		// Bytes that the backend did not read must have arrived all the same:
		// a snapshot that was cut off must not pass for a whole one.
		if _, err := r.WriteTo(io.Discard); err != nil {
			return nil, err
		}
		return &pluginv1.RestoreResponse{
			AppliedIndex: index, Length: in.Bytes(),
			Wake: statemachine.NextTimer(s.backend), DurableIndex: statemachine.DurableIndex(s.backend),
		}, nil
	})
}

// Sync implements pluginv1.StateMachineServer.
func (s *server) Sync(ctx context.Context, req *pluginv1.StateSyncRequest) (*pluginv1.StateSyncResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.StateSyncResponse, error) {
		if err := s.syncing.Take(ctx); err != nil {
			return nil, err
		}
		defer s.syncing.Give()
		if err := s.beside.enter(ctx); err != nil {
			return nil, err
		}
		defer s.beside.leave()
		durable, err := statemachine.Sync(ctx, s.backend)
		return &pluginv1.StateSyncResponse{DurableIndex: durable}, err
	})
}
