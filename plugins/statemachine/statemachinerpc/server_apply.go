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
	// What has been received is applied even if the host goes away.
	a, err := statemachine.OpenApplier(context.WithoutCancel(stream.Context()), s.backend)
	if err != nil {
		s.release()
		return s.table.Status(err)
	}
	fed := make(chan error, 1)
	go func() {
		err := s.feed(stream, a)
		_ = a.Close()
		fed <- err
	}()
	err = s.answer(stream, a)
	switch {
	case errors.Is(err, errUnsent):
		// The stream ends with this call, and feed with the stream.
		go func() {
			defer s.release()
			s.drain(a)
		}()
		return s.table.Status(err)
	case err != nil:
		s.release()
		return s.table.Status(err) // feed ends with the stream
	default:
		defer s.release()
		return s.table.Status(<-fed)
	}
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
		b := statemachine.Batch{Entries: req.Entries, Through: req.Through, NoResults: req.NoResults}
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

// errUnsent: an answer could not be sent.
var errUnsent = errors.New("answer was not sent")

// answer sends outcomes until the applier ends, or one cannot be sent: the host
// is gone, or waits for an answer that will never come.
func (s *server) answer(stream applyStream, a statemachine.Applier) error {
	for seq := uint64(1); ; seq++ {
		out, err := a.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		last := pluginv1.ApplyResponse{Seq: seq, AppliedIndex: out.Applied}
		if out.Snapshot != nil {
			last.Snapshot = s.snapshots.add(out.Snapshot)
		}
		if err := sendParts(stream, out.Results, last); err != nil {
			s.snapshots.drop(last.Snapshot) // nobody will ever know its id
			return fmt.Errorf("%w: batch %d through %d: %w", errUnsent, seq, out.Applied, err)
		}
	}
}

// drain receives until the applier ends: what was submitted is applied, and
// nobody hears of it.
func (s *server) drain(a statemachine.Applier) {
	for {
		out, err := a.Recv()
		if err != nil {
			return
		}
		if out.Snapshot != nil {
			s.snapshots.drop(s.snapshots.add(out.Snapshot)) // gives back its reservation
		}
	}
}

// sendParts sends results, in as many messages as they need, the last of which
// is last with what is left of them.
func sendParts(stream applyStream, results []statemachine.Result, last pluginv1.ApplyResponse) error {
	statemachine.LimitResults(results, 0)
	for {
		n := partLen(results)
		if n == len(results) {
			break
		}
		if err := stream.SendMsg(&pluginv1.ApplyResponse{Seq: last.Seq, Results: results[:n], More: true}); err != nil {
			return err
		}
		results = results[n:]
	}
	last.Results = results
	return stream.SendMsg(&last)
}

// partLen is how many results go into the next message: one, or as many as fit.
func partLen(results []statemachine.Result) int {
	size := uint64(0)
	for i := range results {
		size += uint64(results[i].Size()) + resultOverhead
		if i > 0 && size > plugins.MaxResultBytes {
			return i
		}
	}
	return len(results)
}
