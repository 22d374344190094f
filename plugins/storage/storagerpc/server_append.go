package storagerpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

type appendStream = grpc.BidiStreamingServer[pluginv1.AppendRequest, pluginv1.AppendResponse]

// Append implements pluginv1.StorageServer. One goroutine feeds the appender,
// this one sends acknowledgements.
func (s *server) Append(stream appendStream) error {
	select {
	case s.appending <- struct{}{}:
		defer func() { <-s.appending }()
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	// Batches that have been received are appended even if the host goes
	// away: an append that is interrupted would poison the store.
	a, err := storage.OpenAppender(context.WithoutCancel(stream.Context()), s.backend)
	if err != nil {
		return s.table.Status(err)
	}
	fed := make(chan error, 1)
	go func() {
		err := s.feed(stream, a)
		_ = a.Close()
		fed <- err
	}()
	if err := acknowledge(stream, a); err != nil {
		return s.table.Status(err) // feed ends with the stream
	}
	return s.table.Status(<-fed)
}

// feed hands batches to the appender until the host closes its half.
func (s *server) feed(stream appendStream, a storage.Appender) error {
	var req pluginv1.AppendRequest
	for seq := uint64(1); ; seq++ {
		req = pluginv1.AppendRequest{} // its slices now belong to the batch
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
			return fmt.Errorf("append batch %d, expected %d: %w", req.Seq, seq, plugins.ErrInvalidArgument)
		}
		if err := checkBatchSize(req.Entries, o.Limits); err != nil {
			return err
		}
		if err := a.Send(storage.Batch{Entries: req.Entries, HardState: req.HardState, MustSync: req.MustSync}); err != nil {
			return err
		}
	}
}

// acknowledge sends what is durable until the appender ends. When nobody
// listens any more it goes on receiving, so that the appender can end.
func acknowledge(stream appendStream, a storage.Appender) error {
	var res pluginv1.AppendResponse
	for {
		durable, err := a.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if stream.Context().Err() == nil {
			res.Seq = durable
			_ = stream.SendMsg(&res) // its failure ends feed, and so the appender
		}
	}
}
