package transportrpc

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

type sendStream = grpc.ClientStreamingServer[pluginv1.SendSnapshotRequest, pluginv1.SendSnapshotResponse]

// SendSnapshot implements pluginv1.TransportServer.
func (s *Server) SendSnapshot(stream sendStream) error {
	return pluginrpc.AnswerUpload(&s.end, stream, sendParts, func(first *pluginv1.SendSnapshotRequest, in *pluginrpc.Chunks[pluginv1.SendSnapshotRequest]) (*pluginv1.SendSnapshotResponse, error) {
		r := in.Reader()
		if err := s.backend.SendSnapshot(stream.Context(), *first.Header, r); err != nil {
			return nil, err
		}
		return &pluginv1.SendSnapshotResponse{Length: in.Bytes()}, wholly(r)
	})
}

// wholly is an error unless r was read, but for its end.
func wholly(r *pluginrpc.ChunkReader) error {
	if n, err := r.WriteTo(io.Discard); err != nil {
		return err
	} else if n > 0 {
		return fmt.Errorf("snapshot was accepted with %d bytes unread: %w", n, plugins.ErrInvalidArgument)
	}
	return nil
}

type receiveStream = grpc.BidiStreamingServer[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse]

// ReceiveSnapshot implements pluginv1.TransportServer: it carries an offered
// snapshot to the host and the host's verdict to the backend.
func (s *Server) ReceiveSnapshot(stream receiveStream) error {
	return s.end.Table.Status(s.receiveSnapshot(stream))
}

func (s *Server) receiveSnapshot(stream receiveStream) error {
	first, o, err := pluginrpc.First[pluginv1.ReceiveSnapshotRequest](&s.end, stream)
	if err != nil {
		return err
	}
	q := s.inbound.Load()
	offered, ok := q.takeUp(first.Offer)
	if !ok {
		return fmt.Errorf("no offer %d: %w", first.Offer, plugins.ErrInvalidArgument)
	}
	err = relay(stream, q, offered, o.Limits.ChunkBytes())
	offered.verdict <- err // r is not used from here on
	if errors.Is(err, transport.ErrSnapshotRefused) {
		return nil // the host refused it
	}
	return err
}

// relay sends the snapshot and returns the verdict.
func relay(stream receiveStream, q *inbound, o *offer, maxChunk uint64) error {
	verdict := make(chan error, 1)
	go func() { verdict <- receiveVerdict(stream) }()
	wait := func() error {
		select {
		case err := <-verdict:
			return err
		case <-o.ctx.Done():
			return o.ctx.Err()
		case <-q.ended:
			return plugins.ErrClosed
		}
	}
	res := pluginv1.ReceiveSnapshotResponse{Header: &o.header}
	if stream.SendMsg(&res) != nil {
		return wait()
	}
	send := func(part pluginv1.ReceiveSnapshotResponse) error {
		select {
		case err := <-verdict: // refused before the end
			return early(err)
		case <-q.ended:
			return plugins.ErrClosed
		default:
		}
		if res = part; stream.SendMsg(&res) != nil {
			return pluginrpc.ErrStreamEnded
		}
		return nil
	}
	end, err := pluginrpc.SendChunks(o.r, maxChunk, func(chunk []byte) error {
		return send(pluginv1.ReceiveSnapshotResponse{Chunk: chunk})
	})
	if err == nil {
		err = send(pluginv1.ReceiveSnapshotResponse{End: end})
	}
	if err != nil && !errors.Is(err, pluginrpc.ErrStreamEnded) {
		return err
	}
	return wait()
}

// early is the verdict on a snapshot that has not been sent whole: it cannot
// be an acceptance.
func early(err error) error {
	if err == nil {
		return fmt.Errorf("accepted before it was complete: %w", plugins.ErrInvalidArgument)
	}
	return err
}

// receiveVerdict waits for the host's second message. A host that is gone without
// one has refused nothing.
func receiveVerdict(stream receiveStream) error {
	req, err := stream.Recv()
	switch {
	case err != nil:
		return fmt.Errorf("host gave no verdict: %w", errors.Join(plugins.ErrClosed, err))
	case !req.Verdict:
		return fmt.Errorf("second message without a verdict: %w", plugins.ErrInvalidArgument)
	case req.Error != "":
		return fmt.Errorf("%w: %s", transport.ErrSnapshotRefused, req.Error)
	}
	return nil
}
