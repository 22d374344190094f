package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// replaced is the end of a replacement.
type replaced struct {
	paused string
	begun  bool
	err    error
}

// replace asks for the next state machine.
func (w *world) replace(ctx context.Context) <-chan replaced {
	done := make(chan replaced, 1)
	go func() {
		paused, begun, err := w.s.ReplaceMachine(ctx, nil)
		done <- replaced{paused, begun, err}
	}()
	synctest.Wait()
	return done
}

// nextIs has the next state machine be prepared so.
func (w *world) nextIs(prepare func(*machine)) {
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.prepare = func(_ int, m *machine) error {
		prepare(m)
		return nil
	}
}

// slowRestore has the next state machine's Restore wait until the function is called.
func (w *world) slowRestore() (release func()) {
	gate := make(chan struct{})
	w.nextIs(func(m *machine) {
		m.restore = func(uint64) error {
			select {
			case <-gate:
				return nil
			case <-m.done:
				return errors.New("ended")
			}
		}
	})
	return sync.OnceFunc(func() { close(gate) })
}

// write commits a proposal of this member, which has to have its result at once.
func (w *world) write(text string) {
	w.t.Helper()
	id, outcome := w.propose(text)
	w.commitAs(id, text)
	synctest.Wait()
	select {
	case got := <-outcome:
		if got.err != nil || got.result.Lost {
			w.t.Errorf("%s has %+v, want a result", text, got)
		}
	default:
		w.t.Errorf("%s waits", text)
	}
}

// While the next state machine is restored, for however long, the one that runs answers; then
// the next one goes on with all that was written meanwhile.
func TestTheNextStateMachineIsRestoredBesideTheOneThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b", "c")
		synctest.Wait()
		w.snapshot(2, false, "a", "b")
		first, release := w.source.current(), w.slowRestore()
		done := w.replace(t.Context())
		w.write("d")
		if err := w.askStale("count"); err != nil {
			t.Error(err)
		}
		release()
		if got := <-done; got.err != nil || !got.begun || got.paused != "" {
			t.Errorf("got %+v", got)
		}
		if second := w.source.current(); second == first || !pause.Over(first.done) {
			t.Error("the state machine is the one from before")
		}
		w.write("e")
		w.wantState("a", "b", "c", "d", "e")
		if down := w.s.MachineDown(); down != 0 {
			t.Errorf("it was away for %v", down)
		}
	})
}

// A query that the old state machine was given is answered by it, while the next one goes on.
func TestAQueryUnderWayOutlivesTheReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.write("a")
		first, gate := w.source.current(), make(chan struct{})
		first.asked = func(ctx context.Context, _ string) {
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		asked := make(chan error, 1)
		go func() { asked <- w.askStale("count") }()
		synctest.Wait()
		done := w.replace(t.Context())
		w.write("b")
		if w.source.current() == first || pause.Over(first.done) {
			t.Fatal("the old one does not wait for its query, or the next one does not go on")
		}
		close(gate)
		if err := <-asked; err != nil {
			t.Error(err)
		}
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
		if !pause.Over(first.done) {
			t.Error("the old one has not ended")
		}
		w.wantState("a", "b")
	})
}

// Where two cannot be open at once requests wait, and the answer says why.
func TestAStateMachineThatMustBeAloneIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.write("a")
		w.source.alone = true
		if got := <-w.replace(t.Context()); got.err != nil || !got.begun || !strings.Contains(got.paused, "a test wants it so") {
			t.Errorf("got %+v", got)
		}
		w.write("b")
		w.wantState("a", "b")
	})
}

// A next state machine that fails, lags or differs is refused, and the one that runs goes on.
func TestANextStateMachineThatIsOfNoUseIsRefused(t *testing.T) {
	broken := errors.New("broke")
	faults := map[string]struct {
		next func(*machine)
		says string
	}{
		"it cannot be restored":  {func(m *machine) { m.restore = func(uint64) error { return broken } }, "broke"},
		"it ends in its Restore": {func(m *machine) { m.restore = func(uint64) error { m.Kill(); return broken } }, "ended"},
		"it cannot apply":        {func(m *machine) { m.FailNext(broken) }, "broke"},
		"it hangs in its Restore": {
			func(m *machine) { m.restore = func(uint64) error { <-m.done; return broken } }, "got on with nothing for 40s",
		},
		"it hangs in an Apply": {func(m *machine) { m.Hold() }, "got on with nothing for 40s"},
		"it has another state": {func(m *machine) { m.hash = func() []byte { return []byte("other") } }, "has the hash"},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.nextIs(func(m *machine) { m.AnnounceHash("digest"); m.sparse = true })
				w.source.current().Kill()
				w.passes()
				first := w.source.current()
				w.commit("a", "b")
				synctest.Wait()
				w.snapshot(2, false, "a", "b")
				w.commitCheck()
				w.write("c")
				w.nextIs(func(m *machine) { m.AnnounceHash("digest"); m.sparse = true; fault.next(m) })
				got := <-w.replace(t.Context())
				if got.err == nil || got.begun || !strings.Contains(got.err.Error(), fault.says) {
					t.Errorf("got %+v, want it refused with %q", got, fault.says)
				}
				if w.source.current() != first || len(w.s.snapshots.sending) > 0 {
					t.Error("the one from before does not go on, or the log is held")
				}
				w.write("d")
				w.wantState("a", "b", "c", "d")
			})
		})
	}
}

// One that does not apply the version of commands that the cluster comes to meanwhile is
// refused, though no command of that version is there yet.
func TestANextStateMachineOfAnEarlierVersionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.nextIs(func(m *machine) { m.Announce(plugins.Versions{Greatest: 1}); m.sparse = true })
		w.source.current().Kill()
		w.passes()
		w.write("a")
		first := w.source.current()
		w.commitSwitch(1)
		synctest.Wait()
		w.nextIs(func(m *machine) { m.sparse = true })
		if got := <-w.replace(t.Context()); got.begun || !errors.Is(got.err, member.ErrCommandVersion) {
			t.Errorf("got %+v", got)
		}
		if w.source.current() != first || w.s.Err() != nil {
			t.Errorf("the one from before does not go on: %v", w.s.Err())
		}
		w.write("b")
	})
}

// The hashes of checks go on with the next state machine, whose state is the same.
func TestTheHashOfTheStateOutlivesTheReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.nextIs(func(m *machine) { m.AnnounceHash("digest"); m.sparse = true })
		w.source.current().Kill()
		w.passes()
		w.write("a")
		w.commitCheck()
		before := *w.s.hash.Load()
		if got := <-w.replace(t.Context()); got.err != nil {
			t.Fatal(got.err)
		}
		if now := *w.s.hash.Load(); now != before || now.Value == 0 {
			t.Errorf("the hash is %+v, was %+v", now, before)
		}
		w.write("b")
		w.commitCheck()
		if own := w.s.hashes.own; len(own) != 2 {
			t.Errorf("hashes are %v, want those of both checks", own)
		}
	})
}

// The log after the snapshot is kept while the next one is restored from it, and for no more
// bytes than for a follower: then the next one is refused.
func TestANextStateMachineThatLagsTooFarIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.SnapshotEntries, c.CatchUpBytes = 4, 100 })
		w.one("a", "b", "c", "d")
		first := w.source.current()
		release := w.slowRestore()
		defer release()
		done := w.replace(t.Context())
		for i := range 40 {
			w.write(fmt.Sprint(i))
		}
		got := <-done
		if !errors.Is(got.err, errLags) || !strings.Contains(got.err.Error(), "catch_up_bytes") || got.begun {
			t.Errorf("got %+v", got)
		}
		if w.source.current() != first {
			t.Error("the one from before does not go on")
		}
	})
}

// The end of the caller, or of the host, ends the next state machine alone.
func TestAReplacementEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		w.snapshot(2, false, "a", "b")
		first, release := w.source.current(), w.slowRestore()
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		done := w.replace(ctx)
		second := w.source.current()
		cancel()
		if got := <-done; !errors.Is(got.err, context.Canceled) || got.begun || !pause.Over(second.done) {
			t.Errorf("got %+v, ended %v", got, pause.Over(second.done))
		}
		if w.source.current() != first {
			t.Error("the one from before does not go on")
		}
		done = w.replace(t.Context())
		w.stop()
		if got := <-done; got.begun || !errors.Is(got.err, ErrStopping) {
			t.Errorf("got %+v", got)
		}
	})
}

// The state machine that runs may end while the next one comes up: the next one has nothing
// of that, and takes the place of the one that was started again.
func TestTheStateMachineThatRunsEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		w.snapshot(2, false, "a", "b")
		first, release := w.source.current(), w.slowRestore()
		done := w.replace(t.Context())
		w.nextIs(func(*machine) {})
		first.Kill()
		w.passes()
		w.write("c")
		release()
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
		w.write("d")
		w.wantState("a", "b", "c", "d")
	})
}

// A member whose state machines are replaced again and again has in the end applied each
// committed entry once and in order, and each client has its own result, with ends, snapshots
// and failures of the storage in between.
func TestWhateverBefallsAReplacement(t *testing.T) {
	taken := 0
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPast(t, rand.New(rand.NewPCG(seed, 2)))
				w := p.world
				w.nextIs(func(m *machine) {
					m.restore = p.refuse
					m.apply = func(_ statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) { return r, nil }
				})
				w.source.machines[0].restore = p.refuse
				p.found()
				p.rebuild()
				var done <-chan replaced
				for range 80 {
					p.befall()
					if done == nil && p.rng.IntN(4) == 0 {
						done = w.replace(t.Context())
					}
					select {
					case got := <-done:
						done = nil
						if got.begun && got.err == nil {
							taken++
						}
					default:
					}
				}
				p.judge()
			})
		})
	}
	if taken < 100 {
		t.Errorf("%d replacements, want many", taken)
	}
	t.Logf("%d state machines were replaced", taken)
}

// One that has taken the place is not given up any more, though the storage ends at that moment
// and it can go on with nothing for as long as that is away.
func TestAStateMachineThatHasThePlaceIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.write("a")
		first, second := w.source.current(), (*machine)(nil)
		waits, free := first.Hold()
		w.nextIs(func(m *machine) {
			second = m
			m.apply = func(b statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
				if b.Through == 2 { // the last one, for which the old one stands still
					w.s.Detach(ErrStorageRestart)
				}
				return r, nil
			}
		})
		w.commit("b")
		<-waits
		done := w.replace(t.Context())
		free()
		time.Sleep(time.Hour)
		if pause.Over(second.done) || pause.Over(first.done) {
			t.Error("one of the two has ended")
		}
		w.attach()
		if got := <-done; got.err != nil || !got.begun {
			t.Errorf("got %+v", got)
		}
		w.write("c")
		w.wantState("a", "b", "c")
	})
}

// If the one that runs ends over what it was given, the answer does not say that it goes on.
func TestTheStateMachineThatRunsEndsAsItStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.write("a")
		first := w.source.current()
		waits, free := first.Hold()
		defer free()
		w.commit("b")
		<-waits
		done := w.replace(t.Context())
		first.Kill()
		if got := <-done; got.begun || !errors.Is(got.err, plugins.ErrGone) {
			t.Errorf("got %+v, want plugins.ErrGone", got)
		}
		w.passes()
		w.write("c")
		w.wantState("a", "b", "c")
	})
}

// A snapshot of the leader may take the one that runs longer than the next one. That waits, and
// is not given up for it; its end is noticed.
func TestTheNextStateMachineWaitsForTheOneThatRuns(t *testing.T) {
	for _, ends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.write("a")
			first, gate := w.source.current(), make(chan struct{})
			first.restore = func(uint64) error { <-gate; return nil }
			w.install(3, "a", "b", "c")
			w.s.Restore(storage.SnapshotMetadata{Index: 3, Term: 1})
			done := w.replace(t.Context())
			time.Sleep(time.Hour)
			second := w.source.current()
			if second == first || pause.Over(second.done) {
				t.Error("the next one does not wait")
			}
			if ends {
				second.Kill()
				if got := <-done; got.begun || got.err == nil || !strings.Contains(got.err.Error(), "has ended") {
					t.Errorf("got %+v", got)
				}
			}
			close(gate)
			if !ends {
				if got := <-done; got.err != nil || !got.begun {
					t.Errorf("got %+v", got)
				}
			}
			synctest.Wait()
			w.write("d")
			w.wantState("a", "b", "c", "d")
		})
	}
}

// A next one that hangs over the last entries is refused as soon as the old one goes on: its
// client, the log and the next restart wait no longer.
func TestANextStateMachineThatHangsAtLastIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.write("a")
		first := w.source.current()
		waits, free := first.Hold()
		w.nextIs(func(m *machine) {
			m.apply = func(b statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
				if b.Through == 2 {
					<-m.done
				}
				return r, nil
			}
		})
		w.commit("b")
		<-waits
		done, begun := w.replace(t.Context()), time.Now()
		free()
		if got := <-done; got.begun || !errors.Is(got.err, errLags) || time.Since(begun) > takeoverPatience(election) {
			t.Errorf("got %+v after %v", got, time.Since(begun))
		}
		if w.source.current() != first || len(w.s.snapshots.sending) > 0 {
			t.Error("the one from before does not go on, or the log is held")
		}
		w.write("c")
		w.wantState("a", "b", "c")
	})
}

// If the one that runs has ended before the next one is opened, and taken that for its own place,
// the answer does not say that it goes on.
func TestTheStateMachineThatRunsEndsBeforeTheNextOneOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.prepare = func(int, *machine) error { return errors.New("none is prepared") }
		ended := make(chan struct{})
		for _, gone := range []bool{false, true} {
			if gone {
				close(ended)
			}
			if _, begun, err := w.s.ReplaceMachine(t.Context(), ended); begun || err == nil || errors.Is(err, plugins.ErrGone) != gone {
				t.Errorf("with ended %t: begun %t, %v", gone, begun, err)
			}
		}
	})
}

// boasting is a storage that calls its snapshots larger than any disk.
type boasting struct{ storage.Storage }

type boastingReader struct{ storage.SnapshotReader }

func (s boasting) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	r, err := s.Storage.OpenSnapshot(ctx, index)
	return boastingReader{r}, err
}

func (r boastingReader) Info() storage.SnapshotInfo {
	info := r.SnapshotReader.Info()
	info.Bytes = 1 << 62
	return info
}

// However large the snapshot, the next state machine is given up at last that hangs in its
// Restore, and soon if it hangs in an Apply after that.
func TestTheTimeForALargeSnapshotIsBounded(t *testing.T) {
	hangs := map[string]struct {
		next func(*machine)
		says string
	}{
		"in its Restore": {func(m *machine) { m.restore = func(uint64) error { <-m.done; return errors.New("ended") } }, "for 24h0m40s"},
		"in an Apply":    {func(m *machine) { m.Hold() }, "for 40s"},
	}
	for name, hang := range hangs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.commit("a", "b", "c")
				synctest.Wait()
				w.snapshot(2, false, "a", "b")
				w.s.Attach(w.node, boasting{w.store}, 0, w.registry)
				w.nextIs(hang.next)
				if got := <-w.replace(t.Context()); got.begun || got.err == nil || !strings.HasSuffix(got.err.Error(), hang.says) {
					t.Errorf("got %+v, want it to end with %q", got, hang.says)
				}
			})
		})
	}
}
