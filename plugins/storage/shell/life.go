package shell

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
)

// life is that of a store: opened once, closed once, with calls in between.
type life struct {
	mu    sync.RWMutex // guards phase, ended
	phase phase
	calls sync.WaitGroup // calls in flight; close waits for them
	ended chan struct{}  // made by the first close of an open store, closed when it is done
	endOf error          // what that close met; set before ended is closed
}

type phase int

const (
	phaseNew phase = iota
	phaseOpening
	phaseOpen
	phaseClosed
)

// enter begins a call that needs an open store; leave ends it.
func (l *life) enter() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch l.phase {
	case phaseOpen:
		l.calls.Add(1)
		return nil
	case phaseClosed:
		return plugins.ErrClosed
	}
	return plugins.ErrNotOpen
}

func (l *life) leave() { l.calls.Done() }

// IsOpen reports whether the store is open, poisoned or not.
func (l *life) IsOpen() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.phase == phaseOpen
}

func (l *life) beginOpen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.phase {
	case phaseNew:
		l.phase = phaseOpening
		return nil
	case phaseClosed:
		return plugins.ErrClosed
	}
	return fmt.Errorf("%w: the store is open", plugins.ErrInvalidArgument)
}

// endOpen ends what beginOpen began, with its error. A close that came meanwhile
// has found nothing to close, so shut is called here.
func (l *life) endOpen(err error, shut func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && l.phase == phaseClosed:
		return errors.Join(plugins.ErrClosed, shut())
	case err == nil:
		l.phase = phaseOpen
	case l.phase == phaseOpening:
		l.phase = phaseNew
	}
	return err
}

// close calls shut once, after the last call has ended. When ctx ends first, that is
// still to come, and another close waits for the same end.
func (l *life) close(ctx context.Context, shut func() error) error {
	l.mu.Lock()
	if l.phase == phaseOpen {
		l.ended = make(chan struct{})
		go func() {
			defer close(l.ended)
			l.calls.Wait()
			l.endOf = shut()
		}()
	}
	l.phase = phaseClosed
	ended := l.ended
	l.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return l.endOf
	case <-ctx.Done():
		return fmt.Errorf("close: %w", ctx.Err())
	}
}
