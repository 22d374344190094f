package client

import (
	"sync"
	"sync/atomic"
)

// Result is the state machine's answer to an applied proposal.
type Result struct {
	// Index is the proposal's place in the log.
	Index uint64
	// Data belongs to the caller.
	Data []byte
	// Error is the state machine's own refusal: the proposal was applied, and
	// this was its result, on every member.
	Error string
	// Lost: the proposal was applied, but its result was lost in a restart of
	// the state machine.
	Lost bool
}

// The states of a waiter. The goroutine that moves it out of queued or sent
// decides what becomes of it; the loser lets go of it.
const (
	// queued: the caller waits, nothing was sent. Only now does no goroutine
	// but the caller's touch the data.
	queued uint32 = iota
	// sent: handed to the stream.
	sent
	// done: the answer is in the waiter and a token in its channel.
	done
	// abandoned: the caller has left. The one who finds this returns the
	// waiter to the pool.
	abandoned
)

// A waiter is one Propose call on a pipeline.
type waiter struct {
	state atomic.Uint32
	ready chan struct{}
	data  []byte
	// deadline is when the call ends, on the client's clock.
	deadline int64
	result   Result
	err      *Error
}

// waiters are used again: a call costs no allocation but its result's.
type waiters struct{ pool sync.Pool }

func (ws *waiters) get(data []byte, deadline int64) *waiter {
	w, ok := ws.pool.Get().(*waiter)
	if !ok {
		w = &waiter{ready: make(chan struct{}, 1)}
	}
	w.data, w.deadline = data, deadline
	w.state.Store(queued)
	return w
}

// put takes a waiter to which nothing else refers.
func (ws *waiters) put(w *waiter) {
	w.data, w.result, w.err = nil, Result{}, nil
	ws.pool.Put(w)
}

// finish gives w its answer, if it is still in the given state; otherwise the
// caller has left and w returns to the pool. The caller must not use w
// afterwards.
func (ws *waiters) finish(w *waiter, from uint32, result Result, err *Error) {
	w.result, w.err = result, err
	if w.state.CompareAndSwap(from, done) {
		w.ready <- struct{}{}
		return
	}
	ws.put(w)
}
