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
	mu      sync.Mutex
	machine RunningStateMachine // nil while closed
	ctx     context.Context     // ends when the access is closed
	cancel  context.CancelCauseFunc
	users   int
	idle    chan struct{} // closed when users becomes 0 after a close
	since   time.Time     // of the last close; zero before the first open
}

// open begins to lend m.
func (a *access) open(m RunningStateMachine) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.machine = m
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
}

// close stops lending and cancels what is under way, for the reason why. The channel is
// closed when no call uses the state machine any more.
func (a *access) close(why error) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.machine != nil {
		a.machine, a.since = nil, time.Now()
		a.cancel(why)
	}
	idle := make(chan struct{})
	if a.users == 0 {
		close(idle)
		return idle
	}
	if a.idle == nil {
		a.idle = idle
	}
	return a.idle
}

// closedFor is for how long there has been no state machine to lend; 0 if there
// is one. Before the first one it counts from start.
func (a *access) closedFor(start time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.machine != nil {
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
	return a.machine != nil
}

// use lends the state machine until done is called, which must happen once.
// The context ends when parent does, and when the state machine is needed back; its cause
// is then that of close.
// ok is false while there is none.
func (a *access) use(parent context.Context) (m RunningStateMachine, ctx context.Context, done func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.machine == nil {
		return nil, nil, nil, false
	}
	a.users++
	ctx, cancel := context.WithCancelCause(parent)
	lent := a.ctx
	stop := context.AfterFunc(lent, func() { cancel(context.Cause(lent)) })
	return a.machine, ctx, func() {
		stop()
		cancel(nil)
		a.leave()
	}, true
}

func (a *access) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users--; a.users == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}
