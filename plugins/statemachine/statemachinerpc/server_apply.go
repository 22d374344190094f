package statemachinerpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

type applyStream = grpc.BidiStreamingServer[pluginv1.ApplyRequest, pluginv1.ApplyResponse]

// Apply implements pluginv1.StateMachineServer. One goroutine feeds the
// applier, this one sends outcomes.
func (s *server) Apply(stream applyStream) error {
	if err := s.applying.Take(stream.Context()); err != nil {
		return s.end.Table.Status(err)
	}
	// Received batches are applied even if the host goes away.
	a, err := statemachine.OpenApplier(context.WithoutCancel(stream.Context()), s.backend)
	if err != nil {
		s.applying.Give()
		return s.end.Table.Status(err)
	}
	err = pluginrpc.Both(
		func() error { return s.feed(stream, a) }, func() { _ = a.Close() },
		a.Recv, s.answering(stream))
	if errors.Is(err, errUnsent) {
		// The stream ends with this call, and feed with the stream.
		go func() {
			defer s.applying.Give()
			s.drain(a)
		}()
	} else {
		s.applying.Give()
	}
	return s.end.Table.Status(err)
}

// feed hands batches to the applier until the host closes its half.
func (s *server) feed(stream applyStream, a statemachine.Applier) error {
	return pluginrpc.Feed(&s.end, stream, func(o *pluginrpc.Opened, req *pluginv1.ApplyRequest) error {
		b := statemachine.Batch{Entries: req.Entries, Through: req.Through, NoResults: req.NoResults, Version: req.Version, Hash: req.Hash}
		if err := checkBatch(b, o.Limits); err != nil {
			return err
		}
		if req.PrepareSnapshot {
			if err := s.snapshots.reserve(); err != nil {
				return err
			}
		}
		return a.Submit(b, req.PrepareSnapshot)
	})
}

// errUnsent: an answer could not be sent.
var errUnsent = errors.New("answer was not sent")

// answering returns the function that sends the outcome of the next batch. It fails if
// that cannot be sent: the host is gone, or waits for an answer that will never come.
func (s *server) answering(stream applyStream) func(statemachine.Outcome) error {
	seq := uint64(0)
	return func(out statemachine.Outcome) error {
		seq++
		last := pluginv1.ApplyResponse{
			Seq: seq, AppliedIndex: out.Applied, Wake: out.Wake, Hash: out.Hash, DurableIndex: out.Durable, TookNs: uint64(max(out.Took, 0)),
		}
		if out.Snapshot != nil {
			last.Snapshot = s.snapshots.add(out.Snapshot)
		}
		if err := sendParts(stream, out.Results, last); err != nil {
			s.snapshots.drop(last.Snapshot) // its id will never be known
			return fmt.Errorf("%w: batch %d through %d: %w", errUnsent, seq, out.Applied, err)
		}
		return nil
	}
}

// drain receives until the applier ends: submitted batches are applied, and
// their results are dropped.
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
