package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/chunksum"
)

// Chunks is an answer that comes in chunks. Its methods are for one goroutine; Close may
// be called from any.
type Chunks struct {
	ctx    context.Context
	client *Client
	stream grpc.ServerStreamingClient[hostv1.QueryStreamResponse]
	cancel context.CancelFunc

	endpoint string
	index    uint64
	history  string
	sum      chunksum.Sum
	err      error // of Next, once there is one
}

// QueryStream asks the state machine for an answer in chunks, for those whose answers may
// have any length, or go on. What a chunk is, and whether all of them are of one state,
// is for the state machine to say. The call waits until a member has begun to answer,
// going from member to member as Query does, for RequestTimeout at most; the answer itself
// has the time of ctx. Chunks are sent as fast as they are taken with Next, and a member
// ends the answer to a client that takes nothing for long. Close must be called. Errors
// are NotApplied.
func (c *Client) QueryStream(ctx context.Context, data []byte, level Consistency) (*Chunks, error) {
	return c.queryStream(ctx, &hostv1.QueryRequest{Data: data}, level)
}

// Follow is QueryStream for an answer that goes on until it is closed, as a feed of changes
// does. Such answers have not all places of a member, so that those which end find one.
func (c *Client) Follow(ctx context.Context, data []byte, level Consistency) (*Chunks, error) {
	return c.queryStream(ctx, &hostv1.QueryRequest{Data: data, Lasting: true}, level)
}

func (c *Client) queryStream(ctx context.Context, req *hostv1.QueryRequest, level Consistency) (*Chunks, error) {
	if level == Stale {
		req.Consistency = hostv1.Consistency_CONSISTENCY_STALE
	}
	var chunks *Chunks
	err := c.do(ctx, request{reads: true, lasts: true, send: func(opening context.Context, host hostv1.HostClient) (err error) {
		chunks, err = c.beginChunks(ctx, opening, host, req)
		return err
	}})
	if err != nil {
		return nil, err
	}
	return chunks, nil
}

// beginChunks asks one member. The answer lives as long as ctx and the client, and until its
// header has come as long as opening.
func (c *Client) beginChunks(ctx, opening context.Context, host hostv1.HostClient, req *hostv1.QueryRequest) (*Chunks, error) {
	s := &Chunks{client: c}
	s.ctx, s.cancel = context.WithCancel(ctx)
	unbind := context.AfterFunc(c.ctx, s.cancel)
	context.AfterFunc(s.ctx, func() { unbind() }) // or the client would hold each answer until its own end
	opened := context.AfterFunc(opening, s.cancel)
	var first *hostv1.QueryStreamResponse
	stream, err := host.QueryStream(s.ctx, req)
	if err == nil {
		s.stream = stream
		first, err = stream.Recv()
	}
	switch {
	case errors.Is(err, io.EOF):
		err = status.Error(codes.Internal, "the answer ended without its header")
	case err == nil && first.GetHeader() == nil:
		err = status.Error(codes.Internal, "the answer does not begin with its header")
	case err == nil && !opened(): // too late
		err = status.FromContextError(opening.Err()).Err()
	}
	if err != nil {
		opened()
		s.Close()
		return nil, err
	}
	s.index, s.history = first.GetHeader().GetIndex(), first.GetHeader().GetHistory()
	if p, ok := peer.FromContext(stream.Context()); ok {
		s.endpoint = p.Addr.String()
	}
	return s, nil
}

// Index is the applied index that the answer reflects at least.
func (s *Chunks) Index() uint64 { return s.index }

// History is the name of the history that Index, and all that the answer says of places in
// the state machine's past, belongs to. It is another one after a snapshot was restored, or a
// survivor was made a cluster of its own: what a client has kept of such places says nothing then.
func (s *Chunks) History() string { return s.history }

// Next waits for the next chunk, which is never empty and belongs to the caller. It returns
// io.EOF after the whole answer, and only then: one that was cut, by the end of its state
// machine or of a member, or on the way, ends with an error that says why. Ask again
// then, for all of it, or for the rest if the state machine knows such a query. Further
// calls return the same error.
func (s *Chunks) Next() ([]byte, error) {
	for s.err == nil {
		m, err := s.stream.Recv()
		if err != nil {
			s.end(err)
			break
		}
		switch p := m.GetPart().(type) {
		case *hostv1.QueryStreamResponse_Chunk:
			s.sum.Add(p.Chunk)
			if len(p.Chunk) > 0 {
				return p.Chunk, nil
			}
		case *hostv1.QueryStreamResponse_End:
			s.finish(p.End)
		case *hostv1.QueryStreamResponse_Header:
			s.bad("a second header after %d bytes", s.sum.Bytes())
		}
	}
	return nil, s.err
}

// finish holds the end against what came, and waits for the status of the stream.
func (s *Chunks) finish(end *hostv1.QueryStreamEnd) {
	if end.GetLength() != s.sum.Bytes() || end.GetCrc32() != s.sum.CRC32() {
		s.bad("%d bytes with CRC-32 %08x came, the end says %d and %08x", s.sum.Bytes(), s.sum.CRC32(), end.GetLength(), end.GetCrc32())
		return
	}
	switch _, err := s.stream.Recv(); {
	case errors.Is(err, io.EOF):
		s.err = io.EOF
		s.Close()
	case err == nil:
		s.bad("a message after the end")
	default:
		s.end(err)
	}
}

// end notes why the stream has ended before the answer did.
func (s *Chunks) end(err error) {
	switch {
	case errors.Is(err, io.EOF):
		s.bad("it ended after %d bytes without an end", s.sum.Bytes())
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

// bad notes that the answer makes no sense.
func (s *Chunks) bad(format string, args ...any) {
	s.err = &Error{
		Outcome: NotApplied, Reason: ReasonBadAnswer, Endpoint: s.endpoint,
		Message: "answer in chunks: " + fmt.Sprintf(format, args...),
	}
	s.Close()
}

// Close ends the answer. Close twice is harmless.
func (s *Chunks) Close() { s.cancel() }
