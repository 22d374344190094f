package server

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Results are asked for where a request of this member waits for one: not of
// what others proposed, and not in a replay.
func TestResultsAreAskedForWhereSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var wanted, all atomic.Int32
		watch := func(_ int, m *machine) error {
			m.apply = func(b statemachine.Batch, rs []statemachine.Result) ([]statemachine.Result, error) {
				all.Add(int32(len(b.Entries)))
				if !b.NoResults {
					wanted.Add(int32(len(b.Entries)))
				}
				return rs, nil
			}
			return nil
		}
		w.source.prepare = watch
		_ = watch(0, w.source.current())
		w.one("of another member", "and another")
		if n := wanted.Load(); n != 0 {
			t.Errorf("results of %d entries were asked for, and nobody waits", n)
		}
		answered := make(chan Result, 1)
		id := w.s.newRequest()
		if _, err := w.s.register(id, w.s.newWaiter(1, 0, func(r Result, _ error) { answered <- r })); err != nil {
			t.Fatal(err)
		}
		w.commitAs(id, "of this one")
		if r := <-answered; string(r.Data) != "3" {
			t.Errorf("the result is %q, want 3", r.Data)
		}
		if n := wanted.Load(); n != 1 {
			t.Errorf("results of %d entries were asked for, want 1", n)
		}
		w.source.current().Kill()
		time.Sleep(3 * tick)
		synctest.Wait()
		w.wantState("of another member", "and another", "of this one")
		if n, m := wanted.Load(), all.Load(); n != 1 || m != 6 {
			t.Errorf("after a replay: results of %d of %d applied entries were asked for, want 1 of 6", n, m)
		}
	})
}

// A result over a limit is answered as applied and lost, with the reason.
func TestALeftOutResultIsAnsweredAsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		answered := make(chan Result, 1)
		id := w.s.newRequest()
		if _, err := w.s.register(id, w.s.newWaiter(1, 0, func(r Result, _ error) { answered <- r })); err != nil {
			t.Fatal(err)
		}
		w.commitAs(id, "result:1048577")
		r := <-answered
		if !r.Lost || r.Error == "" || len(r.Data) > 0 || r.Index != 1 {
			t.Errorf("the result is lost: %t, error %q, %d bytes", r.Lost, r.Error, len(r.Data))
		}
		w.one("b")
		w.wantState("result:1048577", "b")
		if n := len(w.source.all()); n != 1 {
			t.Errorf("%d state machines were started, want 1", n)
		}
	})
}

// However small the entries are, a batch has no more than the contract allows:
// of what waits for a state machine, and in a replay.
func TestBatchesAreBoundedInEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const entries = 2*plugins.MaxBatchEntries + 100
		w := newWorld(t, nil)
		var most, applied atomic.Int32
		watch := func(_ int, m *machine) error {
			applied.Store(0)
			m.apply = func(b statemachine.Batch, rs []statemachine.Result) ([]statemachine.Result, error) {
				most.Store(max(most.Load(), int32(len(b.Entries))))
				applied.Add(int32(len(b.Entries)))
				if len(b.Entries) > plugins.MaxBatchEntries {
					return nil, errors.New("too many entries")
				}
				return rs, nil
			}
			return nil
		}
		w.source.prepare = watch
		_ = watch(0, w.source.current())
		waiting, release := w.source.current().Hold()
		w.commit("first")
		<-waiting
		for range entries - 1 {
			w.commit("x")
		}
		release()
		synctest.Wait()
		if n := most.Load(); n != plugins.MaxBatchEntries {
			t.Errorf("the largest batch has %d entries, want %d: what waits goes together", n, plugins.MaxBatchEntries)
		}
		most.Store(0)
		w.source.current().Kill()
		time.Sleep(3 * tick)
		synctest.Wait()
		if n, m := most.Load(), applied.Load(); n != plugins.MaxBatchEntries || m != entries {
			t.Errorf("replayed %d of %d entries in batches of up to %d, want %d", m, entries, n, plugins.MaxBatchEntries)
		}
	})
}

// raft gives out what is committed in runs that fit a batch.
func TestRunsAreTakenUpToTheLimitInEntries(t *testing.T) {
	q := newApplyQueue(queueBytes)
	for range 3 {
		q.push(node.Apply{Commands: make([]node.Command, plugins.MaxBatchEntries/2), Last: 1})
	}
	if n := len(q.take(1 << 30)); n != 2 {
		t.Errorf("%d runs were taken, want 2", n)
	}
}
