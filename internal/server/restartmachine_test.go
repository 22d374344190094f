package server

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// A state machine that is restarted as asked answers first what it was given, so that no
// result is lost; the next one has it all, and no restart counts against it.
func TestARestartOfTheStateMachineLosesNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		synctest.Wait()
		first := w.source.current()
		_, release := first.Hold()
		id, outcome := w.propose("b")
		w.commitAs(id, "b")
		synctest.Wait()
		done := make(chan error, 1)
		go func() {
			begun, err := w.s.RestartMachine(t.Context(), first.Done())
			if !begun {
				t.Error("it has not begun")
			}
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("the restart did not wait for the answer: %v", err)
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := <-outcome; got.err != nil || got.result.Lost {
			t.Errorf("got %+v, want a result", got)
		}
		if w.source.current() == first {
			t.Error("the state machine is the one from before")
		}
		w.commit("c")
		synctest.Wait()
		w.wantState("a", "b", "c")
	})
}

// restartMachine restarts the state machine as asked; it has to serve again.
func (w *world) restartMachine() {
	w.t.Helper()
	if begun, err := w.s.RestartMachine(w.t.Context(), w.source.current().Done()); !begun || err != nil {
		w.t.Fatalf("begun %t, %v", begun, err)
	}
}

// Clients ask again after a restart. Queries that were under way at one have done nothing
// wrong, however often that happens, in one piece or in chunks.
func TestARestartOfTheStateMachineIsHeldAgainstNoQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		w.frail(func(ctx context.Context, _ *machine) { <-ctx.Done() })
		for range 2 * maxStrikes {
			one := make(chan error, 1)
			go func() { one <- w.askStale("last") }()
			many := w.stream(t.Context(), "follow", Stale, all)
			synctest.Wait()
			w.restartMachine()
			if err := <-one; !errors.Is(err, ErrNotReady) {
				t.Errorf("a query: %v, want %v", err, ErrNotReady)
			}
			if got := <-many; !errors.Is(got.err, ErrNotReady) {
				t.Errorf("an answer in chunks: %v, want %v", got.err, ErrNotReady)
			}
		}
		if w.s.blocked.suspected([]byte("last")) || w.s.blocked.suspected([]byte("follow")) {
			t.Error("a query is suspected")
		}
	})
}

// A snapshot that was being saved at a restart has not failed, and is saved by the next
// state machine though nothing more is applied.
func TestARestartOfTheStateMachineFailsNoSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		slow := func(_ int, m *machine) error {
			m.snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { return slowSnapshot{s} }
			return nil
		}
		w.source.prepare = slow
		_ = slow(0, w.source.current())
		for range failuresToTell {
			w.one("a", "b")
			w.restartMachine()
			synctest.Wait()
		}
		if text := w.warned(WarnSnapshotStalled); text != "" {
			t.Errorf("status warns: %s", text)
		}
		w.source.prepare = nil
		w.restartMachine()
		synctest.Wait()
		if got := w.snapshots(); len(got) != 1 || got[0] != w.last {
			t.Errorf("snapshots %v, want one of %d", got, w.last)
		}
	})
}

// A state machine that ends by itself while its restart is asked for is started again as
// ever, once: the ask is not for the next one.
func TestARestartIsNotForTheNextStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		first, starting, begin := w.source.current(), make(chan struct{}), make(chan struct{})
		w.source.prepare = func(int, *machine) error {
			close(starting)
			<-begin
			return nil
		}
		first.Kill()
		<-starting
		if begun, err := w.s.RestartMachine(t.Context(), first.Done()); begun || !errors.Is(err, plugins.ErrGone) {
			t.Errorf("begun %t, %v", begun, err)
		}
		close(begin)
		synctest.Wait()
		w.one("b")
		w.wantState("a", "b")
		if n := len(w.source.all()); n != 2 {
			t.Errorf("%d state machines were started, want 2", n)
		}
	})
}

// A new version on trial that does not fit the log ends nothing: the next state machine is
// the one before.
func TestAVersionOnTrialEndsNoServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trial atomic.Bool
		w := newWorld(t, func(c *Config) { c.MachineOnTrial = trial.Load })
		w.commit("a")
		synctest.Wait()
		wrong := true
		w.source.mu.Lock()
		w.source.prepare = func(_ int, m *machine) error {
			trial.Store(wrong)
			if !wrong {
				return nil
			}
			wrong = false
			old := statemachinetest.NewRegister()
			if err := fill(context.Background(), old, 9); err != nil {
				return err
			}
			m.Register = old.Successor()
			return nil
		}
		w.source.mu.Unlock()
		if begun, err := w.s.RestartMachine(t.Context(), w.source.current().Done()); !begun || !errors.Is(err, ErrPermanent) {
			t.Errorf("begun %t, %v", begun, err)
		}
		w.commit("b")
		time.Sleep(election)
		synctest.Wait()
		if err := w.s.Err(); err != nil {
			t.Fatalf("the server ended: %v", err)
		}
		w.wantState("a", "b")
	})
}
