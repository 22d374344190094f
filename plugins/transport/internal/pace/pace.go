// Package pace has what a transport waits for: a place among the snapshots
// being sent, a rate, a deadline that moves.
package pace

import (
	"context"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// MinRate is the least limit there is: one step a second, so that a
	// snapshot that has the rate for itself never seems to stand still.
	MinRate = Step

	// Step is the most that is read at one time under a limit, and the most that
	// must go, or come, within one timeout of a Writer or a Reader. A stream
	// that is slower is taken for one that stands still.
	Step = 64 << 10
)

// A Pace keeps all snapshots together below a number of bytes in a second, so
// that they leave room on the link and on the disk for what cannot wait. It
// bounds their number, too. Its methods may be called at any time by anyone.
type Pace struct {
	rate    int64         // bytes in a second; 0: no limit
	sending chan struct{} // a token for each snapshot being sent

	mu   sync.Mutex
	free time.Time // when the next bytes may go
}

// New returns a pace of rate bytes in a second, 0 or at least MinRate; 0 means
// no limit. It has places for most snapshots, or for fewer if the rate does not
// give each of so many a step in half of silence, after which a receiver takes
// a snapshot for one that stands still.
func New(rate int64, most int, silence time.Duration) *Pace {
	if rate > 0 {
		steps := float64(rate) * silence.Seconds() / 2 / Step
		most = max(1, int(min(float64(most), steps)))
	}
	return &Pace{rate: rate, sending: make(chan struct{}, most)}
}

// Enter waits for a place among the snapshots being sent. Without an error
// Leave must follow. It returns the error of ctx if that ends first; a place
// that is free is given all the same.
func (p *Pace) Enter(ctx context.Context) error {
	select {
	case p.sending <- struct{}{}:
		return nil
	default:
	}
	select {
	case p.sending <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives the place of one Enter back.
func (p *Pace) Leave() { <-p.sending }

// Step cuts a buffer to what should be spent at one time.
func (p *Pace) Step(buf []byte) []byte {
	if p.rate == 0 {
		return buf
	}
	return buf[:min(len(buf), Step)]
}

// Spend takes n bytes and waits until they may go, or ctx ends. Bytes that
// were not used earlier are not saved up.
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
		pause.For(ctx, wait)
	}
}
