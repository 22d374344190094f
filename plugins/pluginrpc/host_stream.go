package pluginrpc

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"
)

// A HostStream is the host's end of a stream with messages both ways. It lasts until
// Stop, the end of the context that it was opened with, or the plugin's end of it.
type HostStream[Req, Res any] struct {
	grpc.BidiStreamingClient[Req, Res]
	// Opened is what Open had left when the stream was opened.
	Opened *Opened

	ctx   context.Context
	stop  context.CancelFunc
	table *Table
}

// OpenStream opens a stream of a plugin that is open.
func OpenStream[Req, Res any](ctx context.Context, e *HostEnd,
	method func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Req, Res], error),
) (*HostStream[Req, Res], error) {
	o, err := e.Opened()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	stream, err := method(ctx)
	if err != nil {
		err = e.Table.Error(ctx, err)
		stop()
		return nil, err
	}
	return &HostStream[Req, Res]{BidiStreamingClient: stream, Opened: o, ctx: ctx, stop: stop, table: e.Table}, nil
}

// Stop ends the stream, which is of no more use.
func (s *HostStream[Req, Res]) Stop() { s.stop() }

// Done is closed when the stream's context has ended; Cause says why.
func (s *HostStream[Req, Res]) Done() <-chan struct{} { return s.ctx.Done() }

// Cause is why the stream's context has ended.
func (s *HostStream[Req, Res]) Cause() error { return s.ctx.Err() }

// Duration is a time that a plugin says in nanoseconds.
func Duration(ns uint64) time.Duration { return time.Duration(min(ns, math.MaxInt64)) }

// Error is what it means that nothing more came.
func (s *HostStream[Req, Res]) Error(err error) error { return s.table.Error(s.ctx, err) }

// SendError is what it means that a message could not be sent: ErrStreamEnded if
// the plugin has ended the stream.
func (s *HostStream[Req, Res]) SendError(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrStreamEnded
	}
	return s.table.Error(s.ctx, err)
}
