package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A leader is ready once its state machine has what was put out when an entry of its
// term was, and stays so while it leads, but for the time in which the next state machine
// replays.
func TestWhenALeaderIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		st := node.State{Leader: 1, Term: 2}
		said := func(what string, want plugins.Leadership) {
			t.Helper()
			synctest.Wait()
			w.s.StateChanged(st)
			if got := w.s.leadership(st); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		leads := plugins.Leadership{Term: 2, Leader: 1, Leads: true}
		ready := leads
		ready.Ready = true

		said("nothing of its own term is committed", leads)
		_, release := w.source.current().Hold()
		w.commit("a", "b")
		st.Reigns, st.PutOut = true, 2
		said("the state machine has applied nothing", leads)
		release()
		said("it has applied all", ready)
		st.PutOut = 9
		said("it lags again", ready)

		var let func()
		w.source.prepare = func(_ int, m *machine) error { _, let = m.Hold(); return nil }
		w.source.current().Kill()
		time.Sleep(2 * tick) // the next one is started after a tick
		said("the next one replays", leads)
		let()
		said("it has replayed", ready)

		st.Transferring = true
		ready.Transferring = true
		said("leadership is being handed over", ready)
		st = node.State{Leader: 2, Term: 3, Reigns: true, PutOut: 2}
		said("another member leads", plugins.Leadership{Term: 3, Leader: 2})
		st = node.State{Leader: 1, Term: 4, PutOut: 2}
		said("it leads anew", plugins.Leadership{Term: 4, Leader: 1, Leads: true})
		w.s.Detach(ErrStorageRestart)
		if got, want := w.s.Leadership(), (plugins.Leadership{Term: 4}); got != want {
			t.Errorf("there is no node: %+v, want %+v", got, want)
		}
		w.attach()
		if got, want := w.s.Leadership(), (plugins.Leadership{Term: w.node.State().Term}); got != want {
			t.Errorf("the next node follows, and has told of no reign: %+v, want %+v", got, want)
		}
	})
}
