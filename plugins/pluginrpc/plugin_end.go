package pluginrpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A PluginEnd is what a plugin's end has, whatever its kind. It admits the calls of
// the host that opened the backend, and turns the backend's errors into what is sent.
type PluginEnd struct {
	Gate
	// Table says how the errors of the contract travel.
	Table *Table
}

// Called is a request, or the first message of a stream, that says whose it is.
type Called interface{ GetCall() pluginv1.Call }

// Answer serves a unary call of the host that opened the backend.
func Answer[Res any](e *PluginEnd, req Called, do func() (*Res, error)) (*Res, error) {
	_, err := e.Check(req.GetCall())
	return answer(e, err, do)
}

// AnswerClose serves a Close, which may also come before any Open.
func AnswerClose(e *PluginEnd, req *pluginv1.CloseRequest, do func() error) (*pluginv1.CloseResponse, error) {
	return answer(e, e.CheckClose(req.Call), func() (*pluginv1.CloseResponse, error) {
		return &pluginv1.CloseResponse{}, do()
	})
}

// AnswerOpen serves an Open: see Gate.Open.
func AnswerOpen[Res any](e *PluginEnd, options pluginv1.OpenOptions, open func(plugins.Options) (*Res, error)) (*Res, error) {
	return answer(e, nil, func() (res *Res, err error) {
		err = e.Open(options, func(o plugins.Options) (err error) {
			res, err = open(o)
			return err
		})
		return res, err
	})
}

// answer is what do returns, unless there is an error already.
func answer[Res any](e *PluginEnd, err error, do func() (*Res, error)) (*Res, error) {
	var res *Res
	if err == nil {
		res, err = do()
	}
	if err != nil {
		return nil, e.Table.Status(err)
	}
	return res, nil
}

// Stream serves a call that is answered with a stream.
func (e *PluginEnd) Stream(req Called, do func(*Opened) error) error {
	o, err := e.Check(req.GetCall())
	if err == nil {
		err = do(o)
	}
	return e.Table.Status(err)
}

// First receives the first message of a stream, which says whose the stream is.
func First[Req any, P interface {
	*Req
	Called
}](e *PluginEnd, stream interface{ RecvMsg(any) error }) (P, *Opened, error) {
	first := P(new(Req))
	if err := stream.RecvMsg(first); err != nil {
		return nil, nil, fmt.Errorf("stream without a first message: %w", plugins.ErrInvalidArgument)
	}
	o, err := e.Check(first.GetCall())
	return first, o, err
}

// AnswerUpload serves a stream of chunks of the host's that gets one answer. Its first
// message has a header, or do is not called.
func AnswerUpload[Req, Res any, P interface {
	*Req
	Called
}](e *PluginEnd, stream grpc.ClientStreamingServer[Req, Res], parts Parts[Req], do func(first P, in *Chunks[Req]) (*Res, error),
) error {
	first, o, err := First[Req, P](e, stream)
	var in *Chunks[Req]
	if err == nil {
		in, err = ReceiveChunks(stream, first, o.Limits.MaxChunkBytes, parts)
	}
	res, err := answer(e, err, func() (*Res, error) { return do(first, in) })
	if err != nil {
		return err
	}
	return stream.SendAndClose(res)
}

// Feed hands the messages of a stream to take, in the order of their numbers, until
// the host closes its half. The contents of a message belong to take.
func Feed[Req any, P interface {
	*Req
	Called
	GetSeq() uint64
}](e *PluginEnd, stream interface{ RecvMsg(any) error }, take func(*Opened, P) error,
) error {
	req := P(new(Req))
	for seq := uint64(1); ; seq++ {
		*req = *new(Req)
		if err := stream.RecvMsg(req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		o, err := e.Check(req.GetCall())
		if err != nil {
			return err
		}
		if n := req.GetSeq(); n != seq {
			return fmt.Errorf("batch %d, expected %d: %w", n, seq, plugins.ErrInvalidArgument)
		}
		if err := take(o, req); err != nil {
			return err
		}
	}
}

// Both serves both ways of a stream: feed in a goroutine of its own, with end after it,
// and in the caller's what next returns, until its io.EOF, is given to answer. Feed ends
// with the stream if there is an error.
func Both[T any](feed func() error, end func(), next func() (T, error), answer func(T) error) error {
	fed := make(chan error, 1)
	go func() {
		err := feed()
		end()
		fed <- err
	}()
	for {
		out, err := next()
		if errors.Is(err, io.EOF) {
			return <-fed
		}
		if err == nil {
			err = answer(out)
		}
		if err != nil {
			return err
		}
	}
}

// A Turn is had by one stream at a time.
type Turn chan struct{}

// NewTurn returns a turn that is free.
func NewTurn() Turn { return make(Turn, 1) }

// Take waits for the turn, or for the end of ctx.
func (t Turn) Take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Give lets the next one have it.
func (t Turn) Give() { <-t }
