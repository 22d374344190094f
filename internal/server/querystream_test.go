package server

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// taken is what came of an answer in chunks.
type taken struct {
	until  context.Context
	from   Place
	chunks []string
	err    error
}

// stream asks for an answer in chunks. Each chunk waits for take.
func (w *world) stream(ctx context.Context, query string, c Consistency, take func(chunk string) error) <-chan taken {
	ended := make(chan taken, 1)
	go func() {
		var got taken
		got.err = w.s.QueryStream(ctx, []byte(query), c, func(until context.Context, from Place) error {
			got.until, got.from = until, from
			return nil
		}, func(chunk []byte) error {
			got.chunks = append(got.chunks, string(chunk))
			return take(string(chunk))
		})
		ended <- got
	}()
	synctest.Wait()
	return ended
}

func all(string) error { return nil }

// A linearizable answer begins when its round's index is applied, and has what is applied.
func TestAnAnswerInChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		ended := w.stream(t.Context(), "all", Linearizable, all)
		if len(ended) != 0 {
			t.Fatal("it did not wait for its round")
		}
		w.s.Read(node.Read{Context: w.context(), Index: 1})
		if got := <-ended; got.err != nil || got.from != (Place{1, 0xf00d}) || !slices.Equal(got.chunks, []string{"a"}) {
			t.Errorf("got %+v", got)
		} else if synctest.Wait(); got.until.Err() != nil {
			t.Error("the state machine is needed back after a whole answer")
		}
		if got := <-w.stream(t.Context(), "nonsense", Stale, all); !errors.Is(got.err, ErrInvalid) || len(got.chunks) != 0 {
			t.Errorf("a query without sense: %+v", got)
		}
		gone := errors.New("the client is gone")
		if got := <-w.stream(t.Context(), "all", Stale, func(string) error { return gone }); !errors.Is(got.err, gone) {
			t.Errorf("without a client: %+v", got)
		}
	})
}

// A cluster that has not drawn its number yet, as in the first moments after a restore, has no
// name for its history: an answer in chunks waits for it elsewhere.
func TestAnAnswerInChunksHasAHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.registry = w.registry.Refound(1)
		w.commit("a")
		synctest.Wait()
		if got := <-w.stream(t.Context(), "all", Stale, all); !errors.Is(got.err, ErrNotReady) || len(got.chunks) != 0 {
			t.Errorf("before the number is drawn: %+v", got)
		}
		w.registry = w.registry.Register(member.Registration{Number: 0xbeef})
		w.commit("b")
		synctest.Wait()
		if got := <-w.stream(t.Context(), "all", Stale, all); got.err != nil || got.from != (Place{2, 0xbeef}) {
			t.Errorf("with a number: %+v", got)
		}
	})
}

// An answer that goes on ends with its client, with the state machine, and with the host,
// and says which.
func TestWhatEndsAnAnswerInChunks(t *testing.T) {
	for _, x := range []struct {
		name string
		end  func(w *world, cancel func())
		want error
	}{
		{"its client", func(_ *world, cancel func()) { cancel() }, ErrReadTimeout},
		{"the state machine", func(w *world, _ func()) { w.source.current().Kill() }, ErrNotReady},
		{"the host", func(w *world, _ func()) { _ = w.s.StopApplying(context.Background()) }, ErrStopping},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.commit("a")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := w.stream(ctx, "follow", Stale, all)
				time.Sleep(StreamPatience(election) / 2)
				w.commit("b")
				synctest.Wait()
				x.end(w, cancel)
				if got := <-ended; !errors.Is(got.err, x.want) || !slices.Equal(got.chunks, []string{"a", "b"}) {
					t.Errorf("got %+v, want %v", got, x.want)
				}
			})
		})
	}
}

// The time in which the state machine sends nothing is bounded; that in which the client
// takes nothing is not its fault. Signs of life count, and reach no client.
// Rule SM-26.
func TestASilentAnswerInChunksIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		begun := time.Now()
		got := <-w.stream(t.Context(), "follow", Stale, func(string) error {
			time.Sleep(10 * StreamPatience(election)) // a slow client
			return nil
		})
		if took := time.Since(begun); !errors.Is(got.err, ErrQueryFailed) || took != 11*StreamPatience(election) {
			t.Errorf("after %v: %+v", took, got)
		}
		if got := <-w.stream(t.Context(), "follow", Stale, all); !errors.Is(got.err, ErrQueryFailed) || len(got.chunks) != 1 {
			t.Errorf("the second time: %+v", got)
		}
		if got := <-w.stream(t.Context(), "follow", Stale, all); !errors.Is(got.err, ErrQueryFailed) || len(got.chunks) != 0 {
			t.Errorf("the third time it is kept from the state machine: %+v", got)
		}
		w.source.current().chunks = func(send func([]byte) error) error {
			for range 10 {
				time.Sleep(StreamPatience(election) * 9 / 10)
				if err := send(nil); err != nil {
					return err
				}
			}
			return send([]byte("x"))
		}
		if got := <-w.stream(t.Context(), "all", Stale, all); got.err != nil || !slices.Equal(got.chunks, []string{"x"}) {
			t.Errorf("with signs of life: %+v", got)
		}
	})
}

// A state machine in which answers that were given up do not return keeps all clients out.
// They are told to come again, and when that has lasted for as long as an answer may be
// silent the state machine is started again. An answer in between shows that it is not so.
// Rule SM-29.
func TestAStateMachineFullOfAnswersThatWereGivenUpIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		full := func(func([]byte) error) error { return statemachine.ErrTooManyStreams }
		refused := func(chunks func(func([]byte) error) error, want error) {
			t.Helper()
			w.source.current().chunks = chunks
			if got := <-w.stream(t.Context(), "all", Stale, all); !errors.Is(got.err, want) {
				t.Errorf("got %+v, want %v", got, want)
			}
			time.Sleep(StreamPatience(election) * 2 / 3)
		}
		refused(full, ErrTooManyRequests)
		refused(full, ErrTooManyRequests)
		refused(func(func([]byte) error) error { return nil }, nil)
		refused(full, ErrTooManyRequests)
		refused(full, ErrTooManyRequests)
		if n := len(w.source.all()); n != 1 {
			t.Fatalf("%d state machines were started", n)
		}
		refused(full, ErrTooManyRequests)
		if n := len(w.source.all()); n != 2 {
			t.Errorf("%d state machines were started, want another one", n)
		}
		refused(nil, nil)
	})
}

// A chunk that is too long does not reach the client, and the answer is not whole though
// the state machine says so.
func TestAChunkThatIsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.current().chunks = func(send func([]byte) error) error {
			_ = send(make([]byte, plugins.MaxChunkBytes+1))
			_ = send([]byte("x"))
			return nil
		}
		if got := <-w.stream(t.Context(), "all", Stale, all); !errors.Is(got.err, ErrQueryFailed) || len(got.chunks) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

// A query that ends the state machine is kept from it, with or without chunks, and though it
// takes longer to do that than a query without them may. An answer that has lasted for long
// was under way by chance.
func TestAnAnswerInChunksThatEndsTheStateMachineIsKeptFromIt(t *testing.T) {
	for _, x := range []struct {
		after   time.Duration
		blocked bool
	}{{0, true}, {2 * RequestTimeout(election), true}, {strikeMemory, false}} {
		t.Run(x.after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				kills := func(_ int, m *machine) error {
					m.chunks = func(send func([]byte) error) error {
						for begun := time.Now(); time.Since(begun) < x.after; {
							time.Sleep(time.Second)
							_ = send(nil)
						}
						m.Kill()
						return plugins.ErrGone
					}
					return nil
				}
				w.source.prepare = kills
				_ = kills(0, w.source.current())
				for range maxStrikes {
					if got := <-w.stream(t.Context(), "all", Stale, all); !errors.Is(got.err, ErrNotReady) {
						t.Fatalf("got %+v", got)
					}
					restarted()
				}
				want := ErrNotReady
				if x.blocked {
					want = ErrQueryFailed
				}
				if got := <-w.stream(t.Context(), "all", Stale, all); !errors.Is(got.err, want) {
					t.Errorf("got %+v, want %v", got, want)
				}
			})
		})
	}
}

// A client that takes nothing does not keep the state machine from a restore: it is told
// that the state machine is needed.
func TestAnAnswerInChunksGivesTheStateMachineBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		needed := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			var until context.Context
			ended <- w.s.QueryStream(t.Context(), []byte("follow"), Stale, func(ctx context.Context, _ Place) error {
				until = ctx
				return nil
			}, func([]byte) error {
				<-until.Done()
				close(needed)
				return until.Err()
			})
		}()
		synctest.Wait()
		w.install(5, "x", "y")
		w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1})
		<-needed
		<-ended
		synctest.Wait()
		w.wantState("x", "y")
	})
}

// A feed that was under way when its state machine ended is a suspect, asked alone. Once it has
// gone on for the time of a request no other suspect waits for its end.
func TestAFeedThatGoesOnKeepsNoSuspectWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		killed := []<-chan taken{w.stream(ctx, "follow", Stale, all)}
		w.source.current().chunks = func(func([]byte) error) error {
			<-w.source.current().Done()
			return plugins.ErrGone
		}
		killed = append(killed, w.stream(ctx, "all", Stale, all))
		w.source.current().Kill()
		for _, ended := range killed {
			if got := <-ended; !errors.Is(got.err, ErrNotReady) {
				t.Fatalf("got %+v", got)
			}
		}
		restarted()
		feed := w.stream(ctx, "follow", Stale, all)
		waits := func() time.Duration {
			begun := time.Now()
			if got := <-w.stream(ctx, "all", Stale, func(string) error { return context.Canceled }); len(got.chunks) != 1 {
				t.Errorf("got %+v", got)
			}
			return time.Since(begun)
		}
		time.Sleep(RequestTimeout(election))
		w.commit("b")
		synctest.Wait()
		if took := waits(); took != 0 {
			t.Errorf("another suspect waited for %v", took)
		}
		cancel()
		<-feed
	})
}
