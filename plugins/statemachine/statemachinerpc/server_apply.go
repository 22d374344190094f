package statemachinerpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

type applyStream = grpc.BidiStreamingServer[pluginv1.ApplyRequest, pluginv1.ApplyResponse]

// Apply implements pluginv1.StateMachineServer. One goroutine feeds the
// applier, this one sends outcomes.
func (s *server) Apply(stream applyStream) error {
	if err := s.acquire(stream.Context()); err != nil {
		return s.table.Status(err)
	}
	defer s.release()
	// What has been received is applied even if the host goes away.
	a, err := statemachine.OpenApplier(context.WithoutCancel(stream.Context()), s.backend)
	if err != nil {
		return s.table.Status(err)
	}
	fed := make(chan error, 1)
	go func() {
		err := s.feed(stream, a)
		_ = a.Close()
		fed <- err
	}()
	if err := s.answer(stream, a); err != nil {
		return s.table.Status(err) // feed ends with the stream
	}
	return s.table.Status(<-fed)
}

// feed hands batches to the applier until the host closes its half.
func (s *server) feed(stream applyStream, a statemachine.Applier) error {
	var req pluginv1.ApplyRequest
	for seq := uint64(1); ; seq++ {
		req = pluginv1.ApplyRequest{} // its slices now belong to the batch
		if err := stream.RecvMsg(&req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		o, err := s.gate.Check(req.Call)
		if err != nil {
			return err
		}
		if req.Seq != seq {
			return fmt.Errorf("apply batch %d, expected %d: %w", req.Seq, seq, plugins.ErrInvalidArgument)
		}
		b := statemachine.Batch{Entries: req.Entries, Through: req.Through}
		if err := checkBatch(b, o.Limits); err != nil {
			return err
		}
		if req.PrepareSnapshot {
			if err := s.snapshots.reserve(); err != nil {
				return err
			}
		}
		if err := a.Submit(b, req.PrepareSnapshot); err != nil {
			return err
		}
	}
}

// answer sends outcomes until the applier ends. When nobody listens any more
// it goes on receiving, so that the applier can end.
func (s *server) answer(stream applyStream, a statemachine.Applier) error {
	var res pluginv1.ApplyResponse
	for seq := uint64(1); ; seq++ {
		out, err := a.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		res = pluginv1.ApplyResponse{Seq: seq, Results: out.Results, AppliedIndex: out.Applied}
		if out.Snapshot != nil {
			res.Snapshot = s.snapshots.add(out.Snapshot)
		}
		if stream.Context().Err() != nil || stream.SendMsg(&res) != nil {
			s.snapshots.drop(res.Snapshot) // nobody will ever know its id
		}
	}
}
