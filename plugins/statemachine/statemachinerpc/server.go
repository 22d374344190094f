package statemachinerpc

import (
	"context"
	"fmt"
	"io"

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
		table:    errorTable(),
		applying: make(chan struct{}, 1),
	})
}

type server struct {
	pluginv1.UnimplementedStateMachineServer
	backend   statemachine.StateMachine
	table     *pluginrpc.Table
	gate      pluginrpc.Gate
	snapshots snapshots
	// applying holds one token while an Apply or Restore stream is served:
	// the contract has them one after the other.
	applying chan struct{}
}

// Open implements pluginv1.StateMachineServer.
func (s *server) Open(ctx context.Context, req *pluginv1.StateMachineOpenRequest) (*pluginv1.StateMachineOpenResponse, error) {
	var applied uint64
	err := s.gate.Open(req.Options, func(opts plugins.Options) (err error) {
		applied, err = s.backend.Open(ctx, opts)
		return err
	})
	if err != nil {
		return nil, s.table.Status(err)
	}
	res := &pluginv1.StateMachineOpenResponse{AppliedIndex: applied}
	if c, ok := s.backend.(statemachine.Classer); ok {
		res.Classes = c.Classes()
	}
	return res, nil
}

// Query implements pluginv1.StateMachineServer.
func (s *server) Query(ctx context.Context, req *pluginv1.QueryRequest) (*pluginv1.QueryResponse, error) {
	if _, err := s.gate.Check(req.Call); err != nil {
		return nil, s.table.Status(err)
	}
	data, err := s.backend.Query(ctx, req.Data)
	if err != nil {
		return nil, s.table.Status(err)
	}
	return &pluginv1.QueryResponse{Data: data}, nil
}

// Close implements pluginv1.StateMachineServer. Snapshots that nobody took
// are released.
func (s *server) Close(ctx context.Context, req *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	if err := s.gate.CheckClose(req.Call); err != nil {
		return nil, s.table.Status(err)
	}
	s.snapshots.releaseAll()
	if err := s.backend.Close(ctx); err != nil {
		return nil, s.table.Status(err)
	}
	return &pluginv1.CloseResponse{}, nil
}

// acquire waits until no other Apply or Restore stream is served.
func (s *server) acquire(ctx context.Context) error {
	select {
	case s.applying <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *server) release() { <-s.applying }

// Restore implements pluginv1.StateMachineServer.
func (s *server) Restore(stream grpc.ClientStreamingServer[pluginv1.RestoreRequest, pluginv1.RestoreResponse]) error {
	if err := s.acquire(stream.Context()); err != nil {
		return s.table.Status(err)
	}
	defer s.release()
	index, err := s.restore(stream)
	if err != nil {
		return s.table.Status(err)
	}
	return stream.SendAndClose(&pluginv1.RestoreResponse{AppliedIndex: index})
}

func (s *server) restore(stream grpc.ClientStreamingServer[pluginv1.RestoreRequest, pluginv1.RestoreResponse]) (uint64, error) {
	first, err := stream.Recv()
	if err != nil {
		return 0, fmt.Errorf("snapshot without a header: %w", plugins.ErrInvalidArgument)
	}
	o, err := s.gate.Check(first.Call)
	if err != nil {
		return 0, err
	}
	r := pluginrpc.ReceiveChunks(stream, first, o.Limits.MaxChunkBytes, restoreParts)
	index := first.Index
	if err := s.backend.Restore(stream.Context(), index, r); err != nil {
		return 0, err
	}
	// Whatever the backend did not care to read must have arrived all the
	// same: a snapshot that was cut off is none.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return 0, err
	}
	return index, nil
}
