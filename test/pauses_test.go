//go:build linux

package e2e

import (
	"sync"
	"time"
)

// pauses measures for how long no write was acknowledged.
type pauses struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
}

func (p *pauses) acknowledged() {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() {
		p.longest = max(p.longest, now.Sub(p.last))
	}
	p.last = now
}

// take returns the longest pause since the last take.
func (p *pauses) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := p.longest
	p.longest = 0
	return longest.Round(time.Millisecond)
}
