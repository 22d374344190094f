// Package pace has what a transport waits for: a rate, a deadline that moves,
// a pause.
package pace

import (
	"context"
	"sync"
	"time"
)

// A Pace keeps all snapshots together below a number of bytes in a second, so
// that they leave room on the link and on the disk for what cannot wait.
type Pace struct {
	rate int64 // bytes in a second; 0: no limit

	mu   sync.Mutex
	free time.Time // when the next bytes may go
}

// New returns a pace of so many bytes in a second; 0 means no limit.
func New(rate int64) *Pace { return &Pace{rate: rate} }

// step is the most that is read at one time under a limit.
const step = 64 << 10

// Step cuts a buffer to what should be spent at one time.
func (p *Pace) Step(buf []byte) []byte {
	if p.rate == 0 {
		return buf
	}
	return buf[:min(len(buf), step)]
}

// Spend takes n bytes and waits until they may go, or ctx ends. What was not
// used earlier is not saved up.
func (p *Pace) Spend(ctx context.Context, n int) {
	if p.rate == 0 || n <= 0 {
		return
	}
	now := time.Now()
	p.mu.Lock()
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(int64(n) * int64(time.Second) / p.rate))
	p.mu.Unlock()
	if wait > 0 {
		Pause(ctx, wait)
	}
}

// Pause waits for d and reports whether ctx let it.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
