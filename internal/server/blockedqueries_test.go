package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// frail has each state machine do fault when it is asked for "last".
func (w *world) frail(fault func(ctx context.Context, m *machine)) *atomic.Int32 {
	asked := new(atomic.Int32)
	prepare := func(_ int, m *machine) error {
		m.asked = func(ctx context.Context, data string) {
			if data == "last" {
				asked.Add(1)
				fault(ctx, m)
			}
		}
		return nil
	}
	w.source.prepare = prepare
	_ = prepare(0, w.source.current())
	return asked
}

func (w *world) askStale(query string) error {
	_, err := w.s.Query(context.Background(), []byte(query), Stale)
	return err
}

// restarted waits until the next state machine is up.
func restarted() {
	time.Sleep(5 * tick)
	synctest.Wait()
}

// A client repeats its query, which ends every state machine that it reaches:
// after the second it is refused, for a while, and all others are served.
func TestAQueryThatEndsTheStateMachineIsKeptFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		asked := w.frail(func(_ context.Context, m *machine) { m.Kill() })
		for range maxStrikes {
			if err := w.askStale("last"); !errors.Is(err, ErrNotReady) {
				t.Fatalf("got %v, want %v", err, ErrNotReady)
			}
			restarted()
		}
		for range 5 {
			err := w.askStale("last")
			var known *Error
			if !errors.Is(err, ErrQueryFailed) || !errors.As(err, &known) || known.RetryAfter <= 0 {
				t.Fatalf("got %v, want %v with a time to come back", err, ErrQueryFailed)
			}
		}
		if err := w.askStale("count"); err != nil {
			t.Errorf("another query: %v", err)
		}
		if n, m := asked.Load(), len(w.source.all()); n != maxStrikes || m != maxStrikes+1 {
			t.Errorf("it was asked %d times, of %d state machines, want %d and %d", n, m, maxStrikes, maxStrikes+1)
		}
		time.Sleep(blockTime)
		if err := w.askStale("last"); !errors.Is(err, ErrNotReady) {
			t.Errorf("after its time: %v, want %v: it is tried again", err, ErrNotReady)
		}
		restarted()
		if err := w.askStale("last"); !errors.Is(err, ErrQueryFailed) {
			t.Errorf("and after that: %v, want %v: once is enough now", err, ErrQueryFailed)
		}
		w.wantState("a")
	})
}

// A query that was only under way at the same time is answered, and never
// refused.
func TestInnocentQueriesAreNotKeptAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		for round := range 2 * maxStrikes {
			m := w.source.current()
			m.asked = func(ctx context.Context, data string) {
				if data == fmt.Sprintf("at %d", round) { // another deadly one each time
					m.Kill()
				}
				<-m.done
			}
			const clients = 20
			ended := make(chan error, clients)
			for range clients {
				go func() { ended <- w.askStale("count") }()
			}
			time.Sleep(tick) // they are under way before the other one comes
			go func() { _ = w.askStale(fmt.Sprintf("at %d", round)) }()
			for range clients {
				if err := <-ended; !errors.Is(err, ErrNotReady) {
					t.Errorf("round %d: got %v, want %v", round, err, ErrNotReady)
				}
			}
			restarted()
			for range clients {
				if err := w.askStale("count"); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}
		}
	})
}

// A query that hangs is refused after the second time, unless an apply hangs
// too; one whose client had no patience has shown nothing.
func TestAQueryThatHangsIsKeptFromTheStateMachine(t *testing.T) {
	hang := func(ctx context.Context, _ *machine) { <-ctx.Done() }
	t.Run("alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.one("a")
			w.frail(hang)
			for range maxStrikes {
				if err := w.askStale("last"); err == nil || errors.Is(err, ErrQueryFailed) {
					t.Errorf("got %v", err)
				}
			}
			if err := w.askStale("last"); !errors.Is(err, ErrQueryFailed) {
				t.Errorf("got %v, want %v", err, ErrQueryFailed)
			}
		})
	})
	t.Run("for a client without patience", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.one("a")
			w.frail(hang)
			for range 2 * maxStrikes {
				ctx, cancel := context.WithTimeout(context.Background(), tick)
				if _, err := w.s.Query(ctx, []byte("last"), Stale); err == nil || errors.Is(err, ErrQueryFailed) {
					t.Errorf("got %v", err)
				}
				cancel()
			}
		})
	})
	t.Run("beside an apply that hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.one("a")
			w.frail(hang)
			waiting, release := w.source.current().Hold()
			defer release()
			w.commit("b")
			<-waiting
			for range 2 * maxStrikes {
				if err := w.askStale("last"); err == nil || errors.Is(err, ErrQueryFailed) {
					t.Errorf("got %v", err)
				}
			}
		})
	})
}

// The memory of queries is bounded, and the oldest goes first.
func TestSuspectsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newBlockedQueries()
		for i := range 2 * maxSuspects {
			q.strike(fmt.Append(nil, i), time.Now(), "hung")
			time.Sleep(time.Millisecond)
		}
		if n := len(q.suspects); n != maxSuspects {
			t.Errorf("%d are remembered, want %d", n, maxSuspects)
		}
		if q.suspected(fmt.Append(nil, 0)) || !q.suspected(fmt.Append(nil, 2*maxSuspects-1)) {
			t.Error("the newest was forgotten, or the oldest was not")
		}
		time.Sleep(strikeMemory + time.Second)
		q.strike([]byte("another"), time.Now(), "hung")
		if n := len(q.suspects); n != 1 {
			t.Errorf("%d are remembered after a while, want 1", n)
		}
	})
}

// A deed of a query long ago does not count: it does not make a second time of
// the first one since, and the query need not wait for its turn.
func TestStrikesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newBlockedQueries()
		query := []byte("last")
		for range 2 * maxStrikes {
			if q.strike(query, time.Now(), "hung") {
				t.Fatal("it is kept away for what it did long ago")
			}
			time.Sleep(strikeMemory + time.Second)
			if q.suspected(query) {
				t.Error("it is still a suspect")
			}
		}
	})
}

// A query that hangs, asked again and again by clients that give up soon, does
// not keep those waiting that were only under way with it once.
func TestASuspectThatHangsDoesNotKeepTheOthersWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		m := w.source.current()
		m.asked = func(context.Context, string) { <-m.done }
		ended := make(chan error, 2)
		for _, query := range []string{"count", "last"} {
			go func() { ended <- w.askStale(query) }()
		}
		time.Sleep(tick)
		m.Kill()
		for range cap(ended) {
			<-ended
		}
		restarted()
		w.frail(func(ctx context.Context, _ *machine) { <-ctx.Done() })
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for range 5 {
			go func() {
				for ctx.Err() == nil {
					short, over := context.WithTimeout(ctx, RequestTimeout(election)/2-tick)
					_, _ = w.s.Query(short, []byte("last"), Stale)
					over()
				}
			}()
		}
		time.Sleep(tick)
		for range 2 {
			if err := w.askStale("count"); err != nil {
				t.Errorf("an innocent query: %v", err)
			}
		}
	})
}
