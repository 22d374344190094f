package httptransport

import (
	"context"
	"sync"
	"time"
)

// A pace keeps all snapshots together below a number of bytes in a second, so
// that they leave room on the link and on the disk for what cannot wait.
type pace struct {
	rate int64 // bytes in a second; 0: no limit

	mu   sync.Mutex
	free time.Time // when the next bytes may go
}

// spend takes n bytes and waits until they may go, or ctx ends. What was not
// used earlier is not saved up.
func (p *pace) spend(ctx context.Context, n int) {
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
		pause(ctx, wait)
	}
}
