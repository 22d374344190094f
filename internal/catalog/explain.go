package catalog

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// A call whose connection broke waits sessionGrace for the session to break as
// well: if it does not, the plugin itself gave the answer that sounds so. For the
// end of the process it waits explanationGrace, a little longer than it takes to
// decide that a process lives without its session.
const (
	sessionGrace     = exitGrace / 4
	explanationGrace = exitGrace + exitGrace/4
)

// explained is a connection to a plugin whose broken calls say how the process
// ended, and not only that a stream did. The stream alone cannot tell: only the
// process's status says how it ended, and that is there once the process is
// reaped.
type explained struct {
	grpc.ClientConnInterface
	in      *Instance
	session *pluginrpc.Session
}

// Invoke implements grpc.ClientConnInterface.
func (e explained) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := e.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	return e.explain(ctx, err)
}

// NewStream implements grpc.ClientConnInterface.
func (e explained) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := e.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	return explainedStream{stream, ctx, e}, nil
}

type explainedStream struct {
	grpc.ClientStream
	ctx context.Context // the caller's: gRPC's own ends with the stream
	of  explained
}

// RecvMsg implements grpc.ClientStream. SendMsg on a stream that broke returns
// io.EOF, and RecvMsg says why.
func (s explainedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		return nil
	}
	return s.of.explain(s.ctx, err)
}

// explain adds to the error of a broken connection how the process ended.
func (e explained) explain(ctx context.Context, err error) error {
	if code := status.Code(err); code != codes.Unavailable && code != codes.Canceled || ctx.Err() != nil {
		return err
	}
	if !e.ended() {
		return err
	}
	if why := e.in.Err(); why != nil {
		return status.Error(codes.Unavailable, why.Error())
	}
	return err
}

// ended waits for the end of the instance, as long as there are signs of it.
func (e explained) ended() bool {
	sign := time.NewTimer(sessionGrace)
	defer sign.Stop()
	select {
	case <-e.in.done:
		return true
	case <-sign.C:
		return false
	case <-e.session.Done():
	}
	return pause.Until(e.in.done, explanationGrace)
}
