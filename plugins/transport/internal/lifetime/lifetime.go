// Package lifetime counts what runs while a transport is open, and ends it.
package lifetime

import (
	"context"
	"sync"
)

// A Lifetime lasts from the opening of a transport until nothing of it runs any
// more. All methods may be called at any time by anyone.
type Lifetime struct {
	ctx      context.Context // ends when closing begins
	cancel   context.CancelFunc
	finished chan struct{}

	// running counts goroutines and calls. They are added through Enter and Go, or
	// by one that is counted already, so that none starts after End has begun to
	// wait.
	running sync.WaitGroup

	mu     sync.Mutex
	ending bool
}

// New begins a lifetime.
func New() *Lifetime {
	l := &Lifetime{finished: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Context ends when End is called.
func (l *Lifetime) Context() context.Context { return l.ctx }

// Enter counts the caller as running unless the end has begun. After true, Leave
// must follow.
func (l *Lifetime) Enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return false
	}
	l.running.Add(1)
	return true
}

// Leave undoes Enter.
func (l *Lifetime) Leave() { l.running.Done() }

// Go starts f unless the end has begun.
func (l *Lifetime) Go(f func()) bool {
	if !l.Enter() {
		return false
	}
	go func() {
		defer l.Leave()
		f()
	}()
	return true
}

// Fork starts f, even if the end has begun. Only one that is counted itself may
// call it.
func (l *Lifetime) Fork(f func()) { l.running.Go(f) }

// End begins the end and returns. stop makes end what runs, release is called when
// it has. Only the first call has an effect.
func (l *Lifetime) End(stop, release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return
	}
	l.ending = true
	l.cancel()
	go func() {
		defer close(l.finished)
		stop()
		l.running.Wait()
		release()
	}()
}

// Finished is closed when nothing runs any more, and release has returned.
func (l *Lifetime) Finished() <-chan struct{} { return l.finished }
