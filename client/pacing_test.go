package client_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// After a value for which a host had no room, others of its size wait as long as the
// host says, on the stream and in calls of their own, and the host does not see them;
// smaller ones do not wait, nor do those that have no time to.
func TestAClientThatWasRefusedHoldsBack(t *testing.T) {
	for name, size := range map[string]int{"on the stream": 1000, "in calls of their own": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			cl := newCluster(t, 1)
			m := cl.members[0]
			var full atomic.Bool
			full.Store(true)
			m.setFail(func() error {
				if full.Load() {
					return &server.Error{Err: server.ErrTooManyRequests, RetryAfter: time.Hour}
				}
				return nil
			})
			c := newClient(t, client.Options{Endpoints: cl.endpoints(), RequestTimeout: 10 * time.Hour})
			first, cancel := context.WithCancel(background)
			defer cancel()
			ended := make(chan error, 2)
			propose := func(ctx context.Context) {
				_, err := c.Propose(ctx, make([]byte, size))
				ended <- err
			}
			go propose(first)
			within(t, "the first to be refused", func() bool { return client.Paced(c, size) > 0 })
			full.Store(false)
			go propose(first)
			if _, err := c.Propose(background, make([]byte, size-1)); err != nil {
				t.Errorf("a smaller one: %v", err)
			}
			hasty, cancelHasty := context.WithTimeout(background, time.Minute)
			defer cancelHasty()
			if _, err := c.Propose(hasty, make([]byte, size)); err != nil {
				t.Errorf("one that has a minute: %v", err)
			}
			if n := m.proposals.Load(); n != 3 {
				t.Errorf("the host saw %d proposals, want 3: the first, the smaller one and the hasty one", n)
			}
			cancel()
			for range 2 {
				if err := <-ended; !client.IsNotApplied(err) {
					t.Errorf("one that waited and was cancelled: %v, want not applied", err)
				}
			}
		})
	}
}
