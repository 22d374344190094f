package client

import (
	"context"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// A pipeline is one Proposals stream and the callers that wait for it. Callers
// append to the queue; the writer takes all of it, registers the waiters and
// sends them as one batch; the reader finds the waiters of the answers; the
// sweeper ends those whose time is over.
//
// It is open until it is retired, which lets it finish what it has, or until
// the stream breaks. Then everything that was sent is unknown, unless the
// host said otherwise, and everything else can go to another pipeline.
type pipeline struct {
	c        *Client
	endpoint string
	stream   grpc.ClientStream
	cancel   context.CancelFunc
	// member is the id of the member at the other end.
	member string
	// token is the one that the stream was begun with; "" without any.
	token string
	// begin is when the stream began, on the client's clock.
	begin int64
	// leaving: the member said that it stops, so go elsewhere.
	leaving atomic.Bool
	// over is closed when every goroutine has ended and every waiter has been
	// answered.
	over chan struct{}
	// why is the end of the stream, nil if it was in order. Written before
	// over is closed.
	why *Error

	// wake holds a token while there is something to write.
	wake chan struct{}
	// writing is closed when the writer has ended.
	writing chan struct{}

	mu    sync.Mutex
	queue []*waiter
	// closed: takes no more waiters. retired says since when, 0 if the reason
	// is the stream's end.
	closed  bool
	retired int64

	// tableMu also covers the encoding of a batch: while it is held, no
	// goroutine reads the data of a waiter.
	tableMu sync.Mutex
	table   table
	// ended: no more waiters come into the table.
	ended bool
}

func newPipeline(c *Client, endpoint, member string, stream grpc.ClientStream, cancel context.CancelFunc) *pipeline {
	return &pipeline{
		c: c, endpoint: endpoint, member: member, stream: stream, cancel: cancel,
		begin: c.now(), over: make(chan struct{}), wake: make(chan struct{}, 1), writing: make(chan struct{}),
	}
}

// run serves the pipeline until its stream is over.
func (p *pipeline) run() {
	defer close(p.over)
	defer p.cancel()
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { p.write(stop) })
	others.Go(func() { p.sweep(stop) })
	err := p.read()
	close(stop)
	p.end(err)
	others.Wait()
	// The writer may have had waiters in hand that it could not register.
	p.failQueue()
}

// propose waits until data is answered, ctx ends or the deadline has passed.
// Ok is false if the pipeline takes no more, so that nothing was sent.
func (p *pipeline) propose(ctx context.Context, data []byte, deadline int64) (result Result, fail *Error, ok bool) {
	ws := &p.c.waiters
	w := ws.get(data, deadline)
	if !p.enqueue(w) {
		ws.put(w)
		return Result{}, nil, false
	}
	if ctx.Done() == nil {
		<-w.ready
	} else {
		select {
		case <-w.ready:
		case <-ctx.Done():
			if fail = p.abandon(ctx, w); fail != nil {
				return Result{}, fail, true
			}
			<-w.ready
		}
	}
	result, fail = w.result, w.err
	ws.put(w)
	return result, fail, fail != errUnsent
}

// abandon leaves w to the goroutine that has it and returns the error of the
// call, or nil if the answer is there already.
func (p *pipeline) abandon(ctx context.Context, w *waiter) *Error {
	if w.state.CompareAndSwap(queued, abandoned) {
		return ended(ctx, NotApplied, nil)
	}
	if w.state.CompareAndSwap(sent, abandoned) {
		// The data is the caller's again as soon as no one encodes it.
		p.tableMu.Lock()
		defer p.tableMu.Unlock()
		return ended(ctx, Unknown, nil)
	}
	return nil
}

func (p *pipeline) enqueue(w *waiter) bool {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false
	}
	p.queue = append(p.queue, w)
	first := len(p.queue) == 1
	p.mu.Unlock()
	if first {
		wake.Up(p.wake)
	}
	return true
}

// open reports whether the pipeline takes waiters.
func (p *pipeline) open() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed
}

// retire lets the pipeline finish what it has.
func (p *pipeline) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed, p.retired = true, max(1, p.c.now())
	}
	wake.Up(p.wake)
}

// read dispatches answers until the stream ends, and says why it did.
func (p *pipeline) read() *Error {
	var batch resultBatch
	var found []*waiter
	for {
		if err := p.stream.RecvMsg(&batch); err != nil {
			return p.streamEnd(err)
		}
		found = p.take(found[:0], batch.answers)
		for i, w := range found {
			if w == nil {
				continue
			}
			a := &batch.answers[i]
			p.c.waiters.finish(w, sent, a.result, p.failure(a))
		}
		clear(found)
		clear(batch.answers)
	}
}

// take removes the waiters of the answers from the table, nil where there is
// none any more.
func (p *pipeline) take(found []*waiter, answers []proposalResult) []*waiter {
	p.tableMu.Lock()
	defer p.tableMu.Unlock()
	for i := range answers {
		found = append(found, p.table.take(answers[i].id))
	}
	return found
}

// failure is what an answer says of a proposal that was not applied, or may
// not have been.
func (p *pipeline) failure(a *proposalResult) *Error {
	switch {
	case a.failure.GetOutcome() != hostv1.Outcome_OUTCOME_UNSPECIFIED:
		return fromFailure(p.endpoint, a.failure)
	case a.responded:
		return nil
	}
	return &Error{Outcome: Unknown, Reason: ReasonBadAnswer, Message: "answer without response or failure", Endpoint: p.endpoint}
}
