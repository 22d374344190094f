package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// onePlace is a server that admits one proposal at a time.
func onePlace(t *testing.T) *world {
	return newWorld(t, func(c *Config) { c.MaxPending = 1 })
}

// impatient proposes with a time of a millisecond.
func (w *world) impatient(text string) (node.RequestID, <-chan ending) {
	outcome := make(chan ending, 2)
	number := w.s.nextRequest.Load() + 1
	w.s.ProposeAsync([]byte(text), time.Millisecond, func(r Result, err error) { outcome <- ending{r, err} })
	return node.RequestID{Origin: 1, Number: number}, outcome
}

// leads makes a member the leader of a term.
func (w *world) leads(id NodeID, term uint64) {
	w.s.StateChanged(node.State{Leader: id, Term: term, Registry: w.registry})
}

// full tells whether there is no place.
func (w *world) full() bool {
	w.t.Helper()
	_, outcome := w.impatient("one more")
	if w.see() == 1 {
		w.s.Rejected([]node.RequestID{{Origin: 1, Number: w.s.nextRequest.Load()}}, node.ErrDropped)
	}
	return errors.Is((<-outcome).err, ErrTooManyRequests)
}

// A proposal whose time is up before raft has seen it is taken out of the queue
// and is not applied, for certain. Its place is free.
func TestWhatRaftHasNotSeenIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onePlace(t)
		for range 3 {
			_, outcome := w.impatient("x")
			if got := <-outcome; !errors.Is(got.err, ErrProposalDropped) {
				t.Errorf("got %v, want %v", got.err, ErrProposalDropped)
			}
			if n := w.see(); n != 0 {
				t.Errorf("%d proposals are still on their way to raft", n)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := w.s.Propose(ctx, []byte("x")); !errors.Is(err, ErrProposalDropped) || w.see() != 0 {
			t.Errorf("with a deadline of the caller: %v, want %v", err, ErrProposalDropped)
		}
	})
}

// Proposals that a client has given up are withdrawn too, though the client is
// not told.
func TestWhatWasCancelledIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onePlace(t)
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if _, err := w.s.Propose(ctx, []byte("x")); !errors.Is(err, ErrCanceled) {
			t.Errorf("got %v, want %v", err, ErrCanceled)
		}
		time.Sleep(2 * tick)
		if n := w.see(); n != 0 || w.full() {
			t.Errorf("%d proposals are still on their way to raft", n)
		}
	})
}

// A proposal that raft has seen keeps its place when its client's time is up,
// for as long as its outcome may come.
func TestAPlaceIsKeptUntilTheOutcome(t *testing.T) {
	for _, tc := range []struct {
		name   string
		leader NodeID
		end    func(*world, node.RequestID)
	}{
		{"applied", 1, func(w *world, id node.RequestID) { w.commitAs(id, "x") }},
		{"rejected", 1, func(w *world, id node.RequestID) { w.s.Rejected([]node.RequestID{id}, node.ErrDropped) }},
		{"its leader is lost", 1, func(w *world, _ node.RequestID) { w.leads(0, 5); time.Sleep(2 * tick) }},
		{"its leader leads another term", 1, func(w *world, _ node.RequestID) { w.leads(1, 7); time.Sleep(2 * tick) }},
		{"the node is gone", 1, func(w *world, _ node.RequestID) { w.rebuild() }},
		{"forwarded and applied", 2, func(w *world, id node.RequestID) { w.commitAs(id, "x") }},
		{"forwarded and lost", 2, func(*world, node.RequestID) { time.Sleep(RequestTimeout(election)) }},
		{"forwarded, and its leader is replaced", 2, func(w *world, _ node.RequestID) { w.leads(3, 6); time.Sleep(2 * tick) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := onePlace(t)
				w.leads(tc.leader, 5)
				id, outcome := w.impatient("x")
				w.see()
				if got := <-outcome; !errors.Is(got.err, ErrTimeout) && !errors.Is(got.err, ErrLeaderLost) {
					t.Fatalf("got %v, want that it is unknown", got.err)
				}
				if n := w.s.Pending(); n != 0 {
					t.Errorf("%d clients wait for an answer", n)
				}
				time.Sleep(RequestTimeout(election) - 5*tick)
				if !w.full() {
					t.Error("its place was given to another while its outcome may come")
				}
				tc.end(w, id)
				synctest.Wait()
				if w.full() {
					t.Error("its place was not given back")
				}
				if len(outcome) != 0 {
					t.Error("its client was answered twice")
				}
			})
		})
	}
}

// A leader's own proposal keeps its place however long its outcome takes.
func TestAPlaceIsKeptForAsLongAsALeaderLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onePlace(t)
		w.leads(1, 5)
		id, outcome := w.impatient("x")
		w.see()
		<-outcome
		time.Sleep(10 * RequestTimeout(election))
		if !w.full() {
			t.Error("its place was given to another")
		}
		w.commitAs(id, "x")
		synctest.Wait()
		if w.full() {
			t.Error("its place was not given back")
		}
	})
}

// When the node goes, what raft has not seen is not applied, for certain.
func TestWhatRaftHasNotSeenEndsWithTheNode(t *testing.T) {
	for want, end := range map[error]func(*world){
		ErrNotReady: func(w *world) { w.s.Detach(ErrStorageRestart) },
		ErrStopping: func(w *world) { w.s.Drain(); w.s.Detach(ErrStopped) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			_, seen := w.propose("x")
			_, unseen := w.impatient("y")
			end(w)
			if got := <-seen; !errors.Is(got.err, ErrStorageRestart) && !errors.Is(got.err, ErrStopped) {
				t.Errorf("what raft has seen ended with %v, want that it is unknown", got.err)
			}
			if got := <-unseen; !errors.Is(got.err, want) {
				t.Errorf("what raft has not seen ended with %v, want %v", got.err, want)
			}
		})
	}
}

// The raft goroutine does not wait for the clients whose proposals it rejects.
func TestRejectingWaitsForNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		release, told := make(chan struct{}), make(chan struct{})
		w.s.ProposeAsync([]byte("x"), 0, func(Result, error) { <-release; close(told) })
		w.see()
		w.s.Rejected([]node.RequestID{{Origin: 1, Number: w.s.nextRequest.Load()}}, node.ErrDropped)
		synctest.Wait()
		close(release) // only here may the client go on
		<-told
	})
}
