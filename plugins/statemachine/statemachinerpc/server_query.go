package statemachinerpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// maxRunning is how many calls of QueryStream may run: those that the host has, and as many
// that it has given up and that have not returned.
const maxRunning = 2 * statemachine.MaxQueryStreams

// Query implements pluginv1.StateMachineServer.
func (s *server) Query(ctx context.Context, req *pluginv1.QueryRequest) (*pluginv1.QueryResponse, error) {
	return pluginrpc.Answer(&s.end, req, func() (*pluginv1.QueryResponse, error) {
		if err := s.beside.enter(ctx); err != nil {
			return nil, err
		}
		defer s.beside.leave()
		data, err := s.backend.Query(ctx, req.Data)
		return &pluginv1.QueryResponse{Data: data}, err
	})
}

// QueryStream implements pluginv1.StateMachineServer.
func (s *server) QueryStream(req *pluginv1.QueryStreamRequest, stream queryStream) error {
	return s.end.Stream(req, func(o *pluginrpc.Opened) error {
		n := s.streams.Add(1)
		defer s.streams.Add(-1)
		if n > maxRunning {
			return fmt.Errorf("%d have not ended: %w", n-1, statemachine.ErrTooManyStreams)
		}
		if err := s.beside.enter(stream.Context()); err != nil {
			return err
		}
		defer s.beside.leave()
		out := chunkSender{stream: stream, most: o.Limits.MaxChunkBytes}
		if err := statemachine.QueryStream(stream.Context(), s.backend, req.Data, out.send); err != nil {
			return err
		}
		if out.err != nil { // a backend that ignored it must not be vouched for
			return out.err
		}
		return stream.SendMsg(&pluginv1.QueryStreamChunk{End: out.sum.End()})
	})
}

type queryStream = grpc.ServerStreamingServer[pluginv1.QueryStreamChunk]

// A chunkSender sends the chunks of a backend. Its first error is its last.
type chunkSender struct {
	stream  queryStream
	most    uint64
	message pluginv1.QueryStreamChunk
	sum     pluginrpc.Sum
	err     error
}

func (c *chunkSender) send(chunk []byte) error {
	switch n := uint64(len(chunk)); {
	case c.err != nil:
	case n > c.most:
		c.err = fmt.Errorf("chunk of %d bytes, at most %d: %w", n, c.most, plugins.ErrLimit)
	default:
		c.message.Chunk = chunk
		c.sum.Add(chunk)
		c.err = c.stream.SendMsg(&c.message)
	}
	return c.err
}
