package storagerpc

import (
	"context"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

type appendStream = grpc.BidiStreamingServer[pluginv1.AppendRequest, pluginv1.AppendResponse]

// Append implements pluginv1.StorageServer. One goroutine feeds the appender,
// this one sends acknowledgements.
func (s *server) Append(stream appendStream) error {
	return s.end.Table.Status(s.append(stream))
}

func (s *server) append(stream appendStream) error {
	if err := s.appending.Take(stream.Context()); err != nil {
		return err
	}
	defer s.appending.Give()
	// Batches that have been received are appended even if the host goes
	// away: an append that is interrupted would poison the store.
	a, err := storage.OpenAppender(context.WithoutCancel(stream.Context()), s.backend)
	if err != nil {
		return err
	}
	timed, _ := a.(storage.Timed)
	var res pluginv1.AppendResponse
	return pluginrpc.Both(
		func() error { return s.feed(stream, a) }, func() { _ = a.Close() },
		a.Recv, func(durable uint64) error {
			// When the host is gone the appender is received from all the same, so that it
			// can end.
			if stream.Context().Err() == nil {
				if res.Seq = durable; timed != nil {
					res.TookNs = uint64(max(timed.Took(), 0))
				}
				_ = stream.SendMsg(&res) // its failure ends feed, and so the appender
			}
			return nil
		})
}

// feed hands batches to the appender until the host closes its half.
func (s *server) feed(stream appendStream, a storage.Appender) error {
	return pluginrpc.Feed(&s.end, stream, func(o *pluginrpc.Opened, req *pluginv1.AppendRequest) error {
		if err := checkBatchSize(req.Entries, o.Limits); err != nil {
			return err
		}
		return a.Send(storage.Batch{Entries: req.Entries, HardState: req.HardState, MustSync: req.MustSync})
	})
}
