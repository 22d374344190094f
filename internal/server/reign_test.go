package server

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// The raft goroutine reports refusals and changes of leadership while another
// goroutine holds the lock of all requests, as when thousands of them expire.
func TestTheRaftGoroutineWaitsForNoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		outcome := make(chan ending, 1)
		id := w.s.propose([]byte("refused"), time.Second, func(r Result, err error) { outcome <- ending{r, err} })
		returned := make(chan struct{})
		w.s.mu.Lock()
		go func() {
			defer close(returned)
			w.s.Rejected([]node.RequestID{id}, node.ErrDropped)
			w.leads(1, 7)
		}()
		if !closesSoon(returned) {
			t.Error("it waits")
		}
		w.s.mu.Unlock()
		if end := <-outcome; !errors.Is(end.err, ErrProposalDropped) && !errors.Is(end.err, ErrNoLeader) {
			t.Errorf("the refused one ended with %v", end.err)
		}
		if r := w.s.reigns.Load(); r.leader != 1 || r.term != 7 || r.number == 0 {
			t.Errorf("the reign is %+v", *r)
		}
	})
}

// closesSoon tells whether a channel is closed while no time passes: a
// goroutine that waits for a mutex makes the clock of synctest stand still.
func closesSoon(ch <-chan struct{}) bool {
	for range 1_000_000 {
		select {
		case <-ch:
			return true
		default:
			runtime.Gosched()
		}
	}
	return false
}

// Nor does it wait to refuse a change of the membership.
func TestTheRaftGoroutineRefusesAChangeWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		outcome := make(chan error, 1)
		go func() {
			_, err := w.s.AddMember(context.Background(), Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}, ChangeOptions{})
			outcome <- err
		}()
		synctest.Wait() // the change waits for the raft goroutine, which does not run yet
		stop, ended, returned := make(chan struct{}), make(chan error, 1), make(chan struct{})
		w.node.Do(func(*node.Core) error { close(returned); return nil })
		w.s.mu.Lock()
		go func() { ended <- w.node.Run(stop, nil) }()
		if !closesSoon(returned) {
			t.Error("it waits")
		}
		w.s.mu.Unlock()
		if err := <-outcome; !errors.Is(err, ErrNoLeader) {
			t.Errorf("the change ended with %v", err)
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
