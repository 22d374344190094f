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
	first, err := stream.Recv()
	if err != nil {
		return s.table.Status(fmt.Errorf("snapshot without a header: %w", plugins.ErrInvalidArgument))
	}
	o, err := s.gate.Check(first.Call)
	if err != nil {
		return s.table.Status(err)
	}
	r := &sendReader{stream: stream, maxChunk: o.Limits.MaxChunkBytes, rest: first.Chunk, done: first.Done}
	if err := s.backend.SendSnapshot(stream.Context(), first.Header, r); err != nil {
		return s.table.Status(err)
	}
	return stream.SendAndClose(&pluginv1.SendSnapshotResponse{})
}

// sendReader reads the chunks of a SendSnapshot stream. It ends with io.EOF
// only after the message that says so.
type sendReader struct {
	stream   sendStream
	maxChunk uint64
	req      pluginv1.SendSnapshotRequest // the last one; the next chunk takes its place
	rest     []byte                       // of its chunk
	done     bool
	err      error
}

// Read implements io.Reader.
func (r *sendReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 {
		if r.done {
			return 0, io.EOF
		}
		if r.err == nil {
			r.err = r.next()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *sendReader) next() error {
	req := &r.req
	*req = pluginv1.SendSnapshotRequest{Chunk: req.Chunk[:0]}
	err := r.stream.RecvMsg(req)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("snapshot stream: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	if n := uint64(len(req.Chunk)); n > r.maxChunk {
		return fmt.Errorf("chunk of %d bytes, at most %d: %w", n, r.maxChunk, plugins.ErrLimit)
	}
	r.rest, r.done = req.Chunk, req.Done
	return nil
}

type receiveStream = grpc.BidiStreamingServer[pluginv1.ReceiveSnapshotRequest, pluginv1.ReceiveSnapshotResponse]

// ReceiveSnapshot implements pluginv1.TransportServer: it carries an offered
// snapshot to the host and the host's verdict to the backend.
func (s *Server) ReceiveSnapshot(stream receiveStream) error {
	first, err := stream.Recv()
	if err != nil {
		return s.table.Status(fmt.Errorf("snapshot without an offer: %w", plugins.ErrInvalidArgument))
	}
	o, err := s.gate.Check(first.Call)
	if err != nil {
		return s.table.Status(err)
	}
	q := s.inbound.Load()
	offered, ok := q.takeUp(first.Offer)
	if !ok {
		return s.table.Status(fmt.Errorf("no offer %d: %w", first.Offer, plugins.ErrInvalidArgument))
	}
	err = relay(stream, q, offered, o.Limits.ChunkBytes())
	offered.verdict <- err // r is not used from here on
	if errors.Is(err, transport.ErrSnapshotRefused) {
		return nil // that was the host's own word
	}
	return s.table.Status(err)
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
	res := pluginv1.ReceiveSnapshotResponse{Header: o.header}
	buf := make([]byte, maxChunk)
	for {
		if stream.SendMsg(&res) != nil || res.Done {
			return wait()
		}
		n, last, err := pluginrpc.ReadChunk(o.r, buf)
		if err != nil {
			return err
		}
		select {
		case err := <-verdict: // refused before the end
			return early(err)
		case <-q.ended:
			return plugins.ErrClosed
		default:
		}
		res = pluginv1.ReceiveSnapshotResponse{Chunk: buf[:n], Done: last}
	}
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
