package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/chunksum"
)

// Snapshot is a snapshot that a member sends. Read is for one goroutine; Close may be called
// from any.
type Snapshot struct {
	ctx      context.Context
	client   *Client
	stream   grpc.ServerStreamingClient[hostv1.ReadSnapshotResponse]
	cancel   context.CancelFunc
	endpoint string

	header *hostv1.ReadSnapshotHeader
	sum    chunksum.Sum
	hash   hash.Hash
	rest   []byte // of the last chunk
	err    error  // of Read, once there is one
}

// ReadSnapshot asks the member at endpoint, once, for a snapshot that has every write that was
// acknowledged before the call, or for its newest one, whatever that lacks. The call
// returns when the member has such a snapshot, which it may have to make first: that has the
// time of ctx, as the reading has. The member ends the sending to a client that takes nothing for
// long, and sends one snapshot at a time. Close must be called. It needs the role administer.
// Errors are NotApplied.
func (c *Client) ReadSnapshot(ctx context.Context, endpoint string, newest bool) (*Snapshot, error) {
	s := &Snapshot{client: c, endpoint: endpoint, hash: sha256.New()}
	s.ctx, s.cancel = context.WithCancel(ctx)
	unbind := context.AfterFunc(c.ctx, s.cancel)
	context.AfterFunc(s.ctx, func() { unbind() })
	e := c.try(s.ctx, endpoint, request{reads: true, send: func(_ context.Context, host hostv1.HostClient) error {
		stream, err := host.ReadSnapshot(s.ctx, &hostv1.ReadSnapshotRequest{Newest: newest})
		if err != nil {
			return err
		}
		s.stream = stream
		first, err := stream.Recv()
		if err != nil {
			return err
		}
		s.header = first.GetHeader()
		return nil
	}})
	switch {
	case e != nil && c.ctx.Err() != nil:
		s.err = closedError()
	case e != nil && ctx.Err() != nil:
		s.err = ended(ctx, NotApplied, e)
	case e != nil:
		s.err = e
	case s.header == nil:
		s.bad("it does not begin with its header")
	}
	if s.err != nil {
		s.Close()
		return nil, s.err
	}
	return s, nil
}

// Index and Term are the place in the log that the snapshot stands for.
func (s *Snapshot) Index() uint64 { return s.header.GetIndex() }

// Term is that of the entry at Index.
func (s *Snapshot) Term() uint64 { return s.header.GetTerm() }

// Bytes is the length of the content, by the member's word.
func (s *Snapshot) Bytes() uint64 { return s.header.GetBytes() }

// Read implements io.Reader for the content, in the form that docs/formats/snapshot-stream.md
// describes. It returns io.EOF after the whole content, whose length and sums were compared, and
// only then: a snapshot that was cut ends with an error that says why.
func (s *Snapshot) Read(b []byte) (int, error) {
	for len(s.rest) == 0 && s.err == nil {
		s.receive()
	}
	if len(s.rest) == 0 {
		return 0, s.err
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// receive takes one message.
func (s *Snapshot) receive() {
	m, err := s.stream.Recv()
	if err != nil {
		s.end(err)
		return
	}
	switch p := m.GetPart().(type) {
	case *hostv1.ReadSnapshotResponse_Chunk:
		s.sum.Add(p.Chunk)
		_, _ = s.hash.Write(p.Chunk) // never fails
		if s.rest = p.Chunk; s.sum.Bytes() > s.Bytes() {
			s.bad("more than the %d bytes that the header says came", s.Bytes())
			s.rest = nil
		}
	case *hostv1.ReadSnapshotResponse_End:
		s.finish(p.End)
	default:
		s.bad("a message after %d bytes is neither a chunk nor the end", s.sum.Bytes())
	}
}

// finish holds the end and the header against what came, and waits for the status of the stream.
func (s *Snapshot) finish(end *hostv1.ReadSnapshotEnd) {
	sum := s.hash.Sum(nil)
	switch want := s.header.GetSha256(); {
	case end.GetLength() != s.sum.Bytes() || end.GetCrc32() != s.sum.CRC32() || s.Bytes() != s.sum.Bytes():
		s.bad("%d bytes with CRC-32 %08x came, the header says %d, and the end %d and %08x",
			s.sum.Bytes(), s.sum.CRC32(), s.Bytes(), end.GetLength(), end.GetCrc32())
		return
	case len(want) > 0 && !bytes.Equal(want, sum):
		s.bad("the SHA-256 of what came is %x, the member says %x", sum, want)
		return
	}
	switch _, err := s.stream.Recv(); {
	case errors.Is(err, io.EOF):
		s.err = io.EOF
		s.Close()
	case err == nil:
		s.bad("a message came after the end")
	default:
		s.end(err)
	}
}

// end notes why the stream has ended before the snapshot did.
func (s *Snapshot) end(err error) {
	switch {
	case errors.Is(err, io.EOF):
		s.bad("it ended after %d of %d bytes", s.sum.Bytes(), s.Bytes())
		return
	case s.client.ctx.Err() != nil:
		s.err = closedError()
	case s.ctx.Err() != nil:
		s.err = ended(s.ctx, NotApplied, nil)
	default:
		e := fromRPC(s.endpoint, err)
		e.Outcome = NotApplied
		s.err = e
	}
	s.Close()
}

// bad notes that the snapshot makes no sense.
func (s *Snapshot) bad(format string, args ...any) {
	s.err = &Error{Outcome: NotApplied, Reason: ReasonBadAnswer, Endpoint: s.endpoint, Message: "snapshot: " + fmt.Sprintf(format, args...)}
	s.Close()
}

// Close ends the sending. Close twice is harmless.
func (s *Snapshot) Close() { s.cancel() }
