package statemachinerpc

import (
	"context"
	"sync"
)

// beside has the calls of a backend beside which no Restore may run: queries, answers in
// chunks and the saving of snapshots. A host that needs the state machine back cancels
// them and does not wait until they have returned here, so a Restore waits for them. A
// backend that never returns keeps the Restore waiting until its host ends the process.
// The zero value has none.
type beside struct {
	mu    sync.Mutex
	calls int
	over  chan struct{} // of the Restore that runs or waits; nil if there is none
	idle  chan struct{} // closed with the last call, for a Restore that waits
}

// enter waits while a Restore runs or waits. Without an error leave must be called.
func (b *beside) enter(ctx context.Context) error {
	for {
		over := b.tryEnter()
		if over == nil {
			return nil
		}
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryEnter returns nil if there is no Restore, and else what is closed after it.
func (b *beside) tryEnter() (over <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over == nil {
		b.calls++
	}
	return b.over
}

func (b *beside) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls--; b.calls == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// alone keeps new calls out, and waits until those that run have returned. Restores come
// one at a time. Without an error admit must be called.
func (b *beside) alone(ctx context.Context) error {
	b.mu.Lock()
	idle := make(chan struct{})
	if b.over = make(chan struct{}); b.calls == 0 {
		close(idle)
	} else {
		b.idle = idle
	}
	b.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		b.admit()
		return ctx.Err()
	}
}

// admit lets calls in again.
func (b *beside) admit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.over)
	b.over, b.idle = nil, nil
}
