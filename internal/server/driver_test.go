package server

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The storage installed a snapshot and died before it said so. The state
// machine, which runs on, must get it before what follows.
func TestRunningStateMachineIsBroughtToASnapshotThatARebuildFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		w.install(5, "a", "b", "c", "d", "e")
		w.rebuild()
		w.commit("f")
		synctest.Wait()
		w.wantState("a", "b", "c", "d", "e", "f")
		if got := w.s.Status().Applied; got != 6 {
			t.Errorf("applied is %d, want 6", got)
		}
		if n := len(w.source.all()); n != 1 {
			t.Errorf("%d state machines were needed, want 1", n)
		}
	})
}

// A snapshot that was out for a restore when the state machine died is still
// to be restored by the next one, even if that kept what it had.
func TestRestoreOutlivesTheStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.keepState()
		w.commit("a", "b")
		synctest.Wait()
		w.source.current().restore = func(uint64) error { return errors.New("broke") }
		w.install(5, "a", "b", "c", "d", "e")
		w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1})
		w.commit("f")
		time.Sleep(tick)
		synctest.Wait()
		w.wantState("a", "b", "c", "d", "e", "f")
	})
}

// A state machine that dies under batches is replaced by one that gets them,
// and those who wait hear of it.
func TestBatchesInFlightAreGivenToTheNextStateMachine(t *testing.T) {
	lies := map[string]func(statemachine.Batch, []statemachine.Result) ([]statemachine.Result, error){
		"an error": func(statemachine.Batch, []statemachine.Result) ([]statemachine.Result, error) {
			return nil, errors.New("broke")
		},
		"too few results": func(_ statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) { return r[1:], nil },
		"too many results": func(_ statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
			return append(slices.Clone(r), statemachine.Result{}), nil
		},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.commit("a")
				synctest.Wait()
				w.source.current().apply = lie
				id, outcome := w.propose("mine")
				w.commitAs(id, "mine")
				w.commit("b", "c", "d")
				time.Sleep(tick)
				synctest.Wait()
				w.wantState("a", "mine", "b", "c", "d")
				got := <-outcome
				if got.err != nil || got.result.Index != 2 {
					t.Errorf("the proposal ended with %+v", got)
				}
			})
		})
	}
}

// propose registers a proposal. The node that it goes to does not run; it has it
// all the same, as if raft had seen it.
func (w *world) propose(text string) (node.RequestID, <-chan ending) {
	outcome := make(chan ending, 2) // a second one would be seen
	number := w.s.nextRequest.Load() + 1
	w.s.ProposeAsync([]byte(text), 0, func(r Result, err error) { outcome <- ending{r, err} })
	w.see()
	return node.RequestID{Origin: 1, Number: number}, outcome
}

// see takes what waits for raft, as raft does when it has room.
func (w *world) see() int { return len(w.node.Withdraw(func(node.RequestID) bool { return true })) }

// A state machine on disk that dies with answers still to give has applied
// what it was given; its successor says so, and its word must not be taken for
// a lost log because the node's view of its own log is a tick old.
func TestSuccessorIsAheadOfTheNodesLastTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.keepState()
		w.commit("a", "b", "c") // the node's state says that the log is empty
		synctest.Wait()
		id, outcome := w.propose("d")
		w.source.current().apply = func(statemachine.Batch, []statemachine.Result) ([]statemachine.Result, error) {
			return nil, errors.New("broke after it was applied")
		}
		w.commitAs(id, "d")
		time.Sleep(tick)
		synctest.Wait()
		if err := w.s.Err(); err != nil {
			t.Fatal(err)
		}
		w.wantState("a", "b", "c", "d")
		if got := <-outcome; got.err != nil || !got.result.Lost {
			t.Errorf("got %+v, want a result that is lost", got)
		}
	})
}

func TestStateMachineAheadOfTheLogIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		synctest.Wait()
		w.source.mu.Lock()
		w.source.prepare = func(_ int, m *machine) error {
			ctx := context.Background()
			old := statemachinetest.NewRegister()
			if err := fill(ctx, old, 9); err != nil {
				return err
			}
			m.Register = old.Successor()
			return nil
		}
		w.source.mu.Unlock()
		w.source.current().Kill()
		<-w.s.Done()
		if err := w.s.Err(); !errors.Is(err, ErrPermanent) {
			t.Errorf("ended with %v, want %v", err, ErrPermanent)
		}
	})
}

// After a rebuild raft hands out again what is applied or on its way: it is
// acknowledged, and applied once.
func TestRebuildUnderBatchesInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		synctest.Wait()
		_, release := w.source.current().Hold()
		w.commit("b", "c", "d", "e")
		synctest.Wait()
		w.rebuild()
		w.again(1, 3)
		w.again(4, 5)
		w.commit("f")
		synctest.Wait()
		release()
		synctest.Wait()
		w.wantState("a", "b", "c", "d", "e", "f")
		if got := w.s.Status().Applied; got != 6 {
			t.Errorf("applied is %d, want 6", got)
		}
	})
}

// A stop during the replay must not let anything through that comes later.
func TestStopDuringReplayLeavesNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Limits.MaxBatchBytes = 40 })
		w.commit("a", "b", "c")
		synctest.Wait()
		replaying := make(chan struct{})
		next := make(chan struct{})
		w.source.mu.Lock()
		w.source.prepare = func(_ int, m *machine) error {
			m.apply = func(b statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
				if b.Entries[0].Index == 1 {
					close(replaying)
					<-next
				}
				return r, nil
			}
			return nil
		}
		w.source.mu.Unlock()
		w.source.current().FailNext(errors.New("broke"))
		w.commit("d")
		<-replaying
		stopped := make(chan error)
		go func() { stopped <- w.s.StopApplying(context.Background()) }()
		synctest.Wait()
		close(next)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		w.wantState("a")
	})
}

// While the source fails, tries are spread; a stop ends them.
func TestFailingSourceIsNotABusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		synctest.Wait()
		tries := 0
		w.source.mu.Lock()
		w.source.prepare = func(int, *machine) error { tries++; return errors.New("no") }
		w.source.mu.Unlock()
		w.source.current().Kill()
		time.Sleep(10 * tick)
		synctest.Wait()
		w.source.mu.Lock()
		defer w.source.mu.Unlock()
		if tries < 5 || tries > 11 {
			t.Errorf("%d tries in ten ticks", tries)
		}
	})
}

func TestPermanentErrorEndsTheServerGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		synctest.Wait()
		w.source.mu.Lock()
		w.source.prepare = func(int, *machine) error { return ErrPermanent }
		w.source.mu.Unlock()
		w.source.current().Kill()
		<-w.s.Done()
		if err := w.s.Err(); !errors.Is(err, ErrPermanent) {
			t.Errorf("ended with %v", err)
		}
	})
}

// fill applies entries 1 to n.
func fill(ctx context.Context, r *statemachinetest.Register, n uint64) error {
	if _, err := r.Open(ctx, options()); err != nil {
		return err
	}
	b := statemachine.Batch{Through: n}
	for i := range n {
		b.Entries = append(b.Entries, statemachine.Entry{Index: i + 1, Data: []byte("x")})
	}
	_, err := r.Apply(ctx, b)
	return err
}

// A state machine has got somewhere when it has applied what none before it had:
// replaying the same again does not count as progress.
func TestOnlyNewEntriesAreProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		first := w.source.current()
		if n := first.progress.Load(); n == 0 {
			t.Error("two entries were no progress")
		}
		first.Kill()
		time.Sleep(election)
		second := w.source.current()
		if second == first {
			t.Fatal("no second state machine")
		}
		w.wantState("a", "b")
		if n := second.progress.Load(); n != 0 {
			t.Errorf("replaying was progress %d times", n)
		}
		w.commit("c")
		synctest.Wait()
		if n := second.progress.Load(); n != 1 {
			t.Errorf("a new entry was progress %d times, want once", n)
		}
	})
}

// The same holds for one that has restored an installed snapshot, and died at once.
func TestSuccessorOfARestoreIsAheadOfTheNodesLastTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.keepState()
		w.install(5, "a", "b", "c", "d", "e")
		w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1}) // the node's state says that the log is empty
		synctest.Wait()
		w.source.current().Kill()
		time.Sleep(2 * tick)
		synctest.Wait()
		select {
		case <-w.s.Done():
			t.Fatalf("the server has ended: %v", w.s.Err())
		default:
		}
		w.commit("f")
		synctest.Wait()
		w.wantState("a", "b", "c", "d", "e", "f")
	})
}
