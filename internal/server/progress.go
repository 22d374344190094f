package server

import (
	"context"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// progress is the applied index with the membership at it, and those who wait
// for it to advance.
type progress struct {
	mu       sync.Mutex
	applied  uint64
	registry *member.Registry
	waiting  []appliedWait
}

type appliedWait struct {
	index uint64
	ch    chan struct{}
}

func newProgress() *progress { return &progress{registry: &member.Registry{}} }

// advance moves the applied index; it never goes back. A nil registry leaves
// the membership as it is.
func (p *progress) advance(applied uint64, registry *member.Registry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if applied < p.applied {
		return
	}
	p.applied = applied
	if registry != nil {
		p.registry = registry
	}
	kept := p.waiting[:0]
	for _, w := range p.waiting {
		if w.index <= applied {
			close(w.ch)
		} else {
			kept = append(kept, w)
		}
	}
	clear(p.waiting[len(kept):])
	p.waiting = kept
}

// seed sets the membership as long as nothing is applied.
func (p *progress) seed(registry *member.Registry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.applied == 0 && registry != nil {
		p.registry = registry
	}
}

// get returns the applied index and the membership at it.
func (p *progress) get() (uint64, *member.Registry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied, p.registry
}

// wait returns when index is applied, ctx has ended, or nothing is applied any
// more because end is closed: ErrStopping.
func (p *progress) wait(ctx context.Context, index uint64, end <-chan struct{}) error {
	p.mu.Lock()
	if p.applied >= index {
		p.mu.Unlock()
		return nil
	}
	w := appliedWait{index: index, ch: make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.ch:
		return nil
	case <-ctx.Done():
		p.forget(w.ch)
		return ctx.Err()
	case <-end:
		p.forget(w.ch)
		return ErrStopping
	}
}

func (p *progress) forget(ch chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.waiting {
		if p.waiting[i].ch == ch {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return
		}
	}
}

// broadcast wakes every goroutine that waits for a change.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{ch: make(chan struct{})} }

// next returns a channel that the next notify closes. Take it before looking
// at what may have changed.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *broadcast) notify() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}
