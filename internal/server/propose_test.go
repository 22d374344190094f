package server

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// Five seconds and two election timeouts.
func TestA2TheRequestTimeoutFollowsTheElection(t *testing.T) {
	for _, tc := range []struct{ election, want time.Duration }{
		{time.Second, 7 * time.Second}, {5 * time.Second, 15 * time.Second}, {50 * time.Second, 105 * time.Second},
	} {
		if got := RequestTimeout(tc.election); got != tc.want {
			t.Errorf("election %v: %v, want %v", tc.election, got, tc.want)
		}
	}
}

func TestAdmission(t *testing.T) {
	for _, tc := range []struct {
		name   string
		tune   func(*Config)
		before func(*world)
		data   string
		want   error
	}{
		{"empty", nil, nil, "", ErrEmpty},
		{"as large as allowed", func(c *Config) { c.MaxValueBytes = 4 }, nil, "1234", nil},
		{"too large", func(c *Config) { c.MaxValueBytes = 4 }, nil, "12345", ErrTooLarge},
		{"as large as an entry", func(c *Config) { c.Limits.MaxEntryBytes = 4 + node.CommandOverhead }, nil, "1234", nil},
		{"too large for an entry", func(c *Config) { c.Limits.MaxEntryBytes = 4 + node.CommandOverhead }, nil, "12345", ErrTooLarge},
		{"the last place", func(c *Config) { c.MaxPending = 2 }, func(w *world) { w.propose("x") }, "x", nil},
		{"one too many", func(c *Config) { c.MaxPending = 1 }, func(w *world) { w.propose("x") }, "x", ErrTooManyRequests},
		{"the last bytes", func(c *Config) { c.MaxPendingBytes = 10 }, func(w *world) { w.propose("123456") }, "1234", nil},
		{"a byte too many", func(c *Config) { c.MaxPendingBytes = 10 }, func(w *world) { w.propose("123456") }, "12345", ErrTooManyRequests},
		{"no storage", nil, func(w *world) { w.s.Detach(ErrStorageRestart) }, "x", ErrNotReady},
		{"stopping", nil, func(w *world) { w.s.Drain() }, "x", ErrStopping},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tc.tune)
				if tc.before != nil {
					tc.before(w)
				}
				_, outcome := w.propose(tc.data)
				select {
				case got := <-outcome:
					if tc.want == nil || !errors.Is(got.err, tc.want) {
						t.Errorf("got %v, want %v", got.err, tc.want)
					}
				default:
					if tc.want != nil {
						t.Errorf("admitted, want %v", tc.want)
					}
				}
			})
		})
	}
}

// The places are free again when the requests have ended, however they did.
func TestPlacesAreGivenBack(t *testing.T) {
	for name, end := range map[string]func(*world, node.RequestID){
		"applied":      func(w *world, id node.RequestID) { w.commitAs(id, "x") },
		"rejected":     func(w *world, id node.RequestID) { w.s.Rejected([]node.RequestID{id, id}, node.ErrDropped) },
		"timed out":    func(w *world, _ node.RequestID) { time.Sleep(RequestTimeout(election) + 2*tick) },
		"node is gone": func(w *world, _ node.RequestID) { w.rebuild() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *Config) { c.MaxPending, c.MaxPendingBytes = 1, 1 })
				for range 3 {
					id, outcome := w.propose("x")
					end(w, id)
					<-outcome
					synctest.Wait()
					if len(outcome) != 0 {
						t.Error("ended twice")
					}
				}
			})
		})
	}
}

// Statement A1: on every member, a request that was on its way while a leader
// was lost, or began within two election timeouts after it, says so; else one for
// which that holds of messages to the leader says that the connection was lost.
func TestA1TimeoutsNameTheirReason(t *testing.T) {
	leader := func(w *world, id NodeID) { w.s.StateChanged(node.State{Leader: id, Registry: w.registry}) }
	for _, tc := range []struct {
		name   string
		before func(*world)
		during func(*world)
		want   error
	}{
		{"a leader all the time", func(w *world) { leader(w, 2) }, func(*world) {}, ErrTimeout},
		{"the first leader comes", func(*world) {}, func(w *world) { leader(w, 2) }, ErrTimeout},
		{"lost meanwhile", func(w *world) { leader(w, 2) }, func(w *world) { leader(w, 0) }, ErrLeaderLost},
		{"replaced meanwhile", func(w *world) { leader(w, 2) }, func(w *world) { leader(w, 3) }, ErrLeaderLost},
		{"this member took over", func(w *world) { leader(w, 2) }, func(w *world) { leader(w, 1) }, ErrLeaderLost},
		{"lost shortly before", func(w *world) { leader(w, 2); leader(w, 3); time.Sleep(2*election - tick) }, func(*world) {}, ErrLeaderLost},
		{"the connection broke meanwhile", func(w *world) { leader(w, 2) }, func(w *world) { w.s.Lost(2) }, ErrConnectionLost},
		{"the connection broke shortly before", func(w *world) { leader(w, 2); w.s.Lost(2); time.Sleep(2*election - tick) }, func(*world) {}, ErrConnectionLost},
		{"the connection broke long before", func(w *world) { leader(w, 2); w.s.Lost(2); time.Sleep(2*election + tick) }, func(*world) {}, ErrTimeout},
		{"the connection with another member broke", func(w *world) { leader(w, 2) }, func(w *world) { w.s.Lost(3) }, ErrTimeout},
		{"the connection broke, and the leader was lost", func(w *world) { leader(w, 2) }, func(w *world) { w.s.Lost(2); leader(w, 0) }, ErrLeaderLost},
		{"lost long before", func(w *world) { leader(w, 2); leader(w, 3); time.Sleep(2*election + tick) }, func(*world) {}, ErrTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				tc.before(w)
				start := time.Now()
				_, outcome := w.propose("x")
				waiting := make(chan error, 1)
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				go func() {
					_, err := w.s.Propose(ctx, []byte("x"))
					waiting <- err
				}()
				time.Sleep(time.Second)
				w.see()
				tc.during(w)
				if err := <-waiting; !errors.Is(err, tc.want) {
					t.Errorf("with a deadline of the client: %v, want %v", err, tc.want)
				}
				if got := <-outcome; !errors.Is(got.err, tc.want) {
					t.Errorf("got %v, want %v", got.err, tc.want)
				}
				if took := time.Since(start); took < RequestTimeout(election) || took > RequestTimeout(election)+2*tick {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A client whose request was lost on the way to the leader is told so at once. The
// request keeps its place: it is sent again, and its outcome may come.
func TestALostConnectionIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		id, outcome := w.propose("x")
		w.s.Unanswered([]node.RequestID{id, id, {Origin: 1, Number: id.Number + 9}})
		if got := <-outcome; !errors.Is(got.err, ErrConnectionLost) {
			t.Fatalf("it ends with %v, want %v", got.err, ErrConnectionLost)
		}
		if w.s.Pending() != 0 || w.s.admitted() != 1 {
			t.Errorf("%d wait for an answer and %d have a place, want 0 and 1", w.s.Pending(), w.s.admitted())
		}
		w.commitAs(id, "x")
		synctest.Wait()
		if w.s.admitted() != 0 || len(outcome) != 0 {
			t.Errorf("after its outcome %d have a place, and %d more answers came", w.s.admitted(), len(outcome))
		}
	})
}

func TestRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for reason, want := range map[error]error{
			node.ErrDropped:       ErrNoLeader, // the node knows none
			node.ErrChangePending: ErrChangePending,
			node.ErrNoSpace:       ErrNoSpace,
			node.ErrTooMany:       ErrTooManyRequests,
			node.ErrLeaderLost:    ErrLeaderLost,
		} {
			id, outcome := w.propose("x")
			other := id
			other.Origin = 9
			w.s.Rejected([]node.RequestID{other}, reason) // another member's
			synctest.Wait()
			if len(outcome) != 0 {
				t.Error("another member's request ended it")
			}
			w.s.Rejected([]node.RequestID{id}, reason)
			got := <-outcome
			if !errors.Is(got.err, want) {
				t.Errorf("%v gave %v, want %v", reason, got.err, want)
			}
			if refused := new(Error); want == ErrNoLeader && (!errors.As(got.err, &refused) || refused.RetryAfter != tick) {
				t.Errorf("without a leader a client comes again after %v, not after a tick", refused.RetryAfter)
			}
		}
	})
}

func TestCancelledProposalIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if _, err := w.s.Propose(ctx, []byte("x")); !errors.Is(err, ErrCanceled) {
			t.Errorf("got %v, want %v", err, ErrCanceled)
		}
		done, end := context.WithDeadline(context.Background(), time.Now())
		defer end()
		if _, err := w.s.Propose(done, []byte("x")); !errors.Is(err, ErrProposalDropped) {
			t.Errorf("with a deadline that had passed: %v, want %v", err, ErrProposalDropped)
		}
	})
}

// Results go to those who wait for them, whatever the size of the batches.
func TestResultsFindTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		_, release := w.source.current().Hold()
		var outcomes []<-chan ending
		for i := range 20 {
			id, outcome := w.propose(fmt.Sprint(i))
			outcomes = append(outcomes, outcome)
			w.commit("foreign")
			w.commitAs(id, fmt.Sprint(i))
		}
		release()
		for i, outcome := range outcomes {
			got := <-outcome
			if want := fmt.Sprint(2*i + 2); got.err != nil || string(got.result.Data) != want || got.result.Index != uint64(2*i+2) {
				t.Errorf("request %d: %+v, want place %s", i, got, want)
			}
		}
	})
}
