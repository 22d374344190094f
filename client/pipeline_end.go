package client

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// errUnsent marks waiters that were never sent: their callers go on with
// another pipeline. No caller of the package sees it.
var errUnsent = &Error{Outcome: NotApplied, Reason: ReasonConnectionLost, Message: "not sent"}

// streamEnd is what the end of the stream says of unanswered proposals; nil
// if the host answered all and closed.
func (p *pipeline) streamEnd(err error) *Error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	if p.c.ctx.Err() != nil {
		return &Error{Outcome: Unknown, Reason: ReasonClosed, Message: ErrClosed.Error(), Endpoint: p.endpoint, Err: ErrClosed}
	}
	e := fromRPC(p.endpoint, err)
	if errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) {
		// The stream's context, not a caller's.
		e.Reason, e.Err = ReasonConnectionLost, err
	}
	return e
}

// end closes the pipeline and fails all callers that wait: unsent what is
// queued, with the stream's last word what was sent.
func (p *pipeline) end(why *Error) {
	p.why = why
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.failQueue()

	if why == nil {
		why = &Error{Outcome: Unknown, Reason: ReasonConnectionLost, Message: "stream ended without an answer", Endpoint: p.endpoint}
	}
	p.tableMu.Lock()
	p.ended = true
	lost := p.table.takeIf(func(*waiter) bool { return true })
	p.tableMu.Unlock()
	for _, w := range lost {
		p.c.waiters.finish(w, sent, Result{}, why)
	}
}

func (p *pipeline) failQueue() {
	p.mu.Lock()
	queue := p.queue
	p.queue = nil
	p.mu.Unlock()
	p.unsend(queue)
}

// unsend fails waiters that were taken from the queue and not registered.
func (p *pipeline) unsend(queue []*waiter) {
	for _, w := range queue {
		p.c.waiters.finish(w, queued, Result{}, errUnsent)
	}
}

// sweep ends the waiters whose deadline has passed. One goroutine that looks
// now and then costs less than a timer for every proposal.
func (p *pipeline) sweep(stop <-chan struct{}) {
	every := min(max(p.c.opts.RequestTimeout/20, 5*time.Millisecond), 250*time.Millisecond)
	for !pause.Until(stop, every) {
		p.expire(p.c.now())
	}
}

func (p *pipeline) expire(now int64) {
	p.mu.Lock()
	kept := p.queue[:0]
	var late []*waiter
	for _, w := range p.queue {
		if w.deadline < now {
			late = append(late, w)
		} else {
			kept = append(kept, w)
		}
	}
	clear(p.queue[len(kept):])
	p.queue = kept
	retired := p.retired
	p.mu.Unlock()
	for _, w := range late {
		p.c.waiters.finish(w, queued, Result{}, ended(context.Background(), NotApplied, nil))
	}

	p.tableMu.Lock()
	late = p.table.takeIf(func(w *waiter) bool { return w.deadline < now })
	p.tableMu.Unlock()
	for _, w := range late {
		p.c.waiters.finish(w, sent, Result{}, ended(context.Background(), Unknown, nil))
	}
	// A retired stream ends when the host has answered; if it never does, all
	// callers have left by now.
	if retired != 0 && now-retired > int64(p.c.opts.RequestTimeout) {
		p.cancel()
	}
}
