package server

import (
	"context"
	"sync"
	"time"
)

// access lends the running state machine to those who use it beside the
// driver: queries, and the saving of a snapshot. The contract allows them at
// any time but during a Restore, so the driver closes the access before one.
type access struct {
	mu     sync.Mutex
	lent   *lending  // nil while closed
	closed *lending  // the last that was closed; nil if none was, or one was opened since
	since  time.Time // of the last close; zero before the first open
}

// lending is one state machine that is lent, or has been.
type lending struct {
	access  *access
	machine RunningStateMachine
	ctx     context.Context // ends when it is needed back
	cancel  context.CancelCauseFunc
	users   int
	over    bool          // it is not lent any more
	idle    chan struct{} // closed when it is over and no call uses it
}

// open begins to lend m. The state machine that was lent before goes on for the calls that use
// it, and is not lent any more; before is nil if there was none.
func (a *access) open(m RunningStateMachine) (before *lending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before = a.lent
	if before != nil {
		before.end()
	}
	a.lent = &lending{access: a, machine: m, idle: make(chan struct{})}
	a.lent.ctx, a.lent.cancel = context.WithCancelCause(context.Background())
	a.closed = nil
	return before
}

// close stops lending and cancels what is under way, for the reason why. The channel is
// closed when no call uses the state machine any more.
func (a *access) close(why error) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lent != nil {
		a.lent.end()
		a.lent.cancel(why)
		a.closed, a.lent, a.since = a.lent, nil, time.Now()
	}
	if a.closed != nil {
		return a.closed.idle
	}
	idle := make(chan struct{})
	close(idle)
	return idle
}

// closedFor is for how long there has been no state machine to lend; 0 if there
// is one. Before the first one it counts from start.
func (a *access) closedFor(start time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lent != nil {
		return 0
	}
	if a.since.IsZero() {
		return time.Since(start)
	}
	return time.Since(a.since)
}

// isOpen tells whether the state machine can be used.
func (a *access) isOpen() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lent != nil
}

// use lends the state machine until done is called, which must happen once.
// The context ends when parent does, and when the state machine is needed back; its cause
// is then that of close.
// ok is false while there is none.
func (a *access) use(parent context.Context) (m RunningStateMachine, ctx context.Context, done func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lent
	if l == nil {
		return nil, nil, nil, false
	}
	l.users++
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return l.machine, ctx, func() {
		stop()
		cancel(nil)
		l.leave()
	}, true
}

// end has it be idle once no call uses it. It needs access.mu.
func (l *lending) end() {
	if l.over = true; l.users == 0 {
		close(l.idle)
	}
}

func (l *lending) leave() {
	l.access.mu.Lock()
	defer l.access.mu.Unlock()
	if l.users--; l.users == 0 && l.over {
		close(l.idle)
	}
}
