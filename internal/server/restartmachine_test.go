package server

import (
	"testing"
	"testing/synctest"
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
			begun, err := w.s.RestartMachine(t.Context())
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
