package etcd36

import (
	"context"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// courier hands messages to a transport in batches of what has come while the
// last batch was handed over, as a host does.
type courier struct {
	transport.Transport
	wake chan struct{}

	mu      sync.Mutex
	waiting []transport.Envelope
}

func withCourier(t testing.TB, tr transport.Transport) *courier {
	c := &courier{Transport: tr, wake: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c
}

func (c *courier) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.mu.Lock()
		batch := c.waiting
		c.waiting = nil
		c.mu.Unlock()
		_ = c.Transport.Send(ctx, batch) // a test that misses messages fails
	}
}

// Send queues.
func (c *courier) Send(_ context.Context, envelopes []transport.Envelope) error {
	c.mu.Lock()
	c.waiting = append(c.waiting, envelopes...)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}
