package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// reasonFull is the word of a host that has no room for a proposal.
const reasonFull = "too_many_requests"

// pacing keeps a client from sending what would be refused like the one before it. The
// call that was refused waits by itself (pause); here all others of its size or above
// wait as long, which would bring the host nothing but bytes to throw away.
type pacing struct {
	mu    sync.Mutex
	until int64 // on the client's clock
	size  int   // the least that was refused until then
}

// refused notes that there was no room for so many bytes.
func (p *pacing) refused(e *Error, size int, now int64) {
	if e.Reason != reasonFull || e.RetryAfter <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now >= p.until || size < p.size {
		p.size = size
	}
	p.until = max(p.until, now+int64(e.RetryAfter))
}

// left is how long a value of so many bytes has to wait.
func (p *pacing) left(size int, now int64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if size < p.size {
		return 0
	}
	return time.Duration(max(p.until-now, 0))
}

// pace waits for the host to have room, a little longer for some than for others, so
// that not all come at once. A call that has no time for that does not wait: whether
// there is room is for the host to say.
func (c *Client) pace(ctx context.Context, deadline int64, size int) error {
	now := c.now()
	wait := c.pacing.left(size, now)
	if wait <= 0 {
		return nil
	}
	wait += time.Duration(rand.Float64() / 4 * float64(wait))
	if wait >= time.Duration(deadline-now) {
		return nil
	}
	return c.sleep(ctx, wait, nil)
}
