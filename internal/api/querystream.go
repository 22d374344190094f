package api

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/chunksum"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// queryStream is how an answer in chunks goes to its client, by either protocol. Send
// waits while the client takes no more, until the context ends.
type queryStream = grpc.ServerStreamingServer[hostv1.QueryStreamResponse]

// QueryStream implements hostv1.HostServer.
func (r *requests) QueryStream(req *hostv1.QueryRequest, stream queryStream) error {
	return r.answerInChunks(stream.Context(), req, stream)
}

func (r *requests) answerInChunks(ctx context.Context, req *hostv1.QueryRequest, stream queryStream) error {
	if err := r.takes(ctx); err != nil {
		return err
	}
	if n := len(req.GetData()); n > r.limits.MaxValueBytes {
		return valueTooLarge("query", n, r.limits.MaxValueBytes)
	}
	d := r.demands(ctx)
	if err := d.query(req.GetData()); err != nil {
		return err
	}
	level, err := consistency(req.GetConsistency())
	if err != nil {
		return err
	}
	c := sharerOf(ctx)
	leave, err := r.bounds.answer(c, req.GetLasting())
	if err != nil {
		return err
	}
	defer leave()
	a := &chunkedAnswer{requests: r, stream: stream, client: c}
	return ofRead(a.serve(ctx, req.GetData(), level))
}

// A chunkedAnswer is an answer in chunks on its way to a client. A goroutine of its own
// gives it to the client, so that the call ends when it has to, though the client takes
// nothing.
type chunkedAnswer struct {
	*requests
	stream queryStream
	client client
	cancel context.CancelCauseFunc
	index  atomic.Uint64 // that it reflects at least
	shown  atomic.Bool   // the client may have a part of it

	// Of the goroutine that sends.
	sum  chunksum.Sum
	last int // bytes of the message before, which may wait for the client still
}

func (a *chunkedAnswer) serve(ctx context.Context, query []byte, level server.Consistency) error {
	ctx, a.cancel = context.WithCancelCause(ctx)
	defer a.cancel(nil)
	defer untilInvalid(ctx, a.guard, a.cancel)()
	defer func() { tell(ctx, effect{index: a.index.Load(), shown: a.shown.Load()}) }()
	over := make(chan error, 1)
	a.readers.Go(func() { over <- a.answer(ctx, query, level) })
	select {
	case err := <-over:
		if why := context.Cause(ctx); err != nil && why != nil && ctx.Err() != why {
			return why
		}
		return err
	case <-ctx.Done():
	case <-a.end.stopping:
		a.cancel(&server.Error{Err: server.ErrStopping})
	}
	if s, ok := a.stream.(interface{ await(over <-chan error) }); ok {
		s.await(over)
	}
	return context.Cause(ctx)
}

// answer asks the service, and sends the end if the answer is whole.
func (a *chunkedAnswer) answer(ctx context.Context, query []byte, level server.Consistency) error {
	begin := func(until context.Context, from server.Place) error {
		a.index.Store(from.Index)
		context.AfterFunc(until, a.giveBack)
		return a.send(&hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Header{Header: &hostv1.QueryStreamHeader{Index: from.Index, History: server.NodeID(from.History).String()}}}, 0)
	}
	chunk := func(data []byte) error {
		a.sum.Add(data)
		a.shown.Store(true)
		return a.send(&hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Chunk{Chunk: data}}, len(data))
	}
	if err := a.svc.QueryStream(ctx, query, level, begin, chunk); err != nil {
		return err
	}
	end := &hostv1.QueryStreamEnd{Length: a.sum.Bytes(), Crc32: a.sum.CRC32()}
	return a.send(&hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_End{End: end}}, 0)
}

// giveBack ends the answer because the state machine is needed back, unless that has
// ended it by then with a better reason.
func (a *chunkedAnswer) giveBack() {
	time.AfterFunc(endOfLine, func() {
		a.cancel(&server.Error{Err: server.ErrNotReady, Detail: "the state machine is needed for something else", RetryAfter: unknownRetryAfter})
	})
}

// send sends a message, for which the client has as long as for one of a Proposals stream.
func (a *chunkedAnswer) send(m *hostv1.QueryStreamResponse, size int) error {
	allowed := a.limits.StalledAfter + time.Duration(a.last+size)*time.Second/slowestRate
	timer := time.AfterFunc(allowed, func() { a.tooSlow(allowed) })
	defer timer.Stop()
	a.last = size
	conn := a.client.conn
	if size <= largeAnswer || conn == nil {
		return a.stream.Send(m)
	}
	if err := a.bounds.reserve(size, conn.meter.backlog()); err != nil {
		return err
	}
	handed := conn.meter.hand(int64(size))
	err := a.stream.SendMsg(&countedAnswer{m, handed})
	if err != nil {
		handed.gone() // gRPC may not have come to it
	}
	return err
}

// tooSlow ends the answer to a client that does not read it, and its connection if it does not
// read on.
func (a *chunkedAnswer) tooSlow(waited time.Duration) {
	a.bounds.counts.ended.Add(1)
	a.cancel(&server.Error{Err: errSlowClient, Detail: fmt.Sprintf("this client took nothing of an answer in chunks for %v", waited)})
	giveUp(a.client.conn, a.bounds, a.limits.StalledAfter)
}
