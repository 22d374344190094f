package server

import (
	"errors"
	"testing"
	"time"
)

// While another goroutine holds the lock of all requests, for however long, a proposal
// for which there is no room is refused.
func TestARefusalWaitsForNoLock(t *testing.T) {
	s := New(Config{MaxPending: 1, MaxPendingBytes: 1 << 20, MaxValueBytes: 1 << 20, Tick: tick, Election: election})
	s.occupied.proposals.Add(1)
	refused := make(chan error, 2)
	s.mu.Lock()
	defer s.mu.Unlock()
	go s.ProposeAsync([]byte("x"), 0, func(_ Result, err error) { refused <- err })
	go func() { refused <- s.Full(1) }()
	for range cap(refused) {
		select {
		case err := <-refused:
			if !errors.Is(err, ErrTooManyRequests) {
				t.Errorf("ended with %v, want %v", err, ErrTooManyRequests)
			}
		case <-time.After(10 * time.Second):
			t.Error("a refusal waits for the lock")
		}
	}
}
