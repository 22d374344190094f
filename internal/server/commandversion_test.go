package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// commitSwitch commits a switch of the command version.
func (w *world) commitSwitch(version uint32) {
	w.t.Helper()
	w.last++
	e := storage.Entry{Term: 1, Index: w.last, Data: fmt.Appendf([]byte{0xF3}, `{"command_version":%d}`, version)}
	err := w.store.Append(context.Background(), []storage.Batch{{
		Entries: []storage.Entry{e}, HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true,
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	before := w.registry
	w.registry = before.Switch(member.Switch{CommandVersion: version})
	w.s.Apply(node.Apply{First: w.last, Last: w.last, Term: 1, Switch: version, Before: before, Registry: w.registry})
}

// versions notes by which version each entry was given, to any state machine that did not
// have it.
type versions struct {
	mu    sync.Mutex
	given []string
}

// watched makes state machines that apply a range of versions, the n-th that of its place
// or of the last one, and notes what they are given. They begin with what the one before
// has if keeps is set.
func (v *versions) watched(w *world, keeps bool, applies ...plugins.Versions) {
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.sparse = true // a switch is not given
	w.source.prepare = func(n int, m *machine) error {
		if keeps {
			m.Register = w.source.machines[n-1].Successor()
		}
		m.Announce(applies[min(n-1, len(applies)-1)])
		m.apply = func(b statemachine.Batch, results []statemachine.Result) ([]statemachine.Result, error) {
			v.mu.Lock()
			defer v.mu.Unlock()
			for i, e := range b.Entries {
				if !results[i].Skipped {
					v.given = append(v.given, fmt.Sprintf("%d by %d", e.Index, b.Version))
				}
			}
			return results, nil
		}
		return nil
	}
}

func (v *versions) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	given := v.given
	v.given = nil
	return given
}

// restart ends the state machine, and waits until the next one has been started.
func (w *world) restart() {
	w.source.current().Kill()
	time.Sleep(2 * tick) // the next one is started after a tick
	synctest.Wait()
}

// Each entry is applied by the version of its place in the log, whichever state machine is
// given it, and when: the one that was there at the switches, also if all came at once, one
// that begins with nothing and gets a replay, one that is restored from a snapshot, and one
// that kept its state.
func TestEveryStateMachineGetsTheSameVersions(t *testing.T) {
	all := plugins.Versions{Greatest: 9}
	for _, x := range []struct {
		name            string
		keeps, snapshot bool
		want            []string
	}{
		{"one that begins with nothing", false, false, []string{"1 by 0", "3 by 1", "4 by 1", "6 by 3", "7 by 3"}},
		{"one that is restored", false, true, []string{"4 by 1", "6 by 3", "7 by 3"}},
		{"one that keeps its state", true, false, []string{"7 by 3"}},
		{"one that keeps its state, beside a snapshot", true, true, []string{"7 by 3"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				v := &versions{}
				v.watched(w, x.keeps, all)
				w.restart()
				hold, release := w.source.current().Hold()
				w.commit("a")
				<-hold // all that follows waits together
				w.commitSwitch(1)
				w.commit("b")
				three := w.registry
				w.commit("c")
				w.commitSwitch(3)
				w.commit("d")
				release()
				synctest.Wait()
				if got := v.take(); !slices.Equal(got, []string{"1 by 0", "3 by 1", "4 by 1", "6 by 3"}) {
					t.Fatalf("the first one was given %v", got)
				}
				if x.snapshot {
					last := w.registry
					w.registry = three
					w.snapshot(3, false, "a", "b")
					w.registry = last
				}
				w.restart()
				w.commit("e")
				synctest.Wait()
				if got := v.take(); !slices.Equal(got, x.want) {
					t.Errorf("was given %v, want %v", got, x.want)
				}
			})
		})
	}
}

// Entries that wait in the log alone, because a state machine is slow, are applied by the
// versions of their places too.
func TestARestOfTheLogHasItsVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := &versions{}
		v.watched(w, false, plugins.Versions{Greatest: 9})
		w.restart()
		w.s.queue.limit = 1
		hold, release := w.source.current().Hold()
		w.commit("a")
		<-hold
		w.commit("b", "c")
		w.commitSwitch(2)
		w.commit("d")
		w.commitSwitch(4)
		w.commit("e")
		if _, inLog := w.s.queue.waiting(); inLog < 4 {
			t.Fatalf("%d entries are in the log alone", inLog)
		}
		release()
		synctest.Wait()
		if got, want := v.take(), []string{"1 by 0", "2 by 0", "3 by 0", "5 by 2", "7 by 4"}; !slices.Equal(got, want) {
			t.Errorf("was given %v, want %v", got, want)
		}
	})
}

// A state machine is not given what it has not announced: the member ends with a sentence
// that has both versions, at the entry, when an older plugin is started, and before that is
// restored from a snapshot.
func TestAMemberEndsWhoseStateMachineDoesNotApplyTheVersion(t *testing.T) {
	ends := func(t *testing.T, w *world, want string) {
		t.Helper()
		synctest.Wait()
		<-w.s.done
		err := w.s.Err()
		if !errors.Is(err, member.ErrCommandVersion) || !errors.Is(err, ErrPermanent) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("ended with %v, want %q", err, want)
		}
	}
	for name, run := range map[string]func(*testing.T, *world, *versions){
		"at the entry": func(t *testing.T, w *world, v *versions) {
			v.watched(w, false, plugins.Versions{Greatest: 2})
			w.restart()
			w.commit("a")
			w.commitSwitch(3)
			synctest.Wait()
			w.commit("b")
			ends(t, w, `the entries up to 3 are of command version 3, and register of version "1.0.0" applies 0 to 2: start this member with the plugin`)
		},
		"an older plugin": func(t *testing.T, w *world, v *versions) {
			v.watched(w, false, plugins.Versions{Greatest: 3}, plugins.Versions{Greatest: 2})
			w.restart()
			w.commit("a")
			w.commitSwitch(3)
			synctest.Wait()
			w.restart()
			ends(t, w, `the cluster is at command version 3, and register of version "1.0.0" applies 0 to 2`)
		},
		"a plugin that gave the old versions up": func(t *testing.T, w *world, v *versions) {
			v.watched(w, false, plugins.Versions{Greatest: 3}, plugins.Versions{Least: 3, Greatest: 3})
			w.restart()
			w.commit("a")
			w.commitSwitch(3)
			synctest.Wait()
			w.restart()
			ends(t, w, `the entries up to 2 are of command version 0, and register of version "1.0.0" applies 3`)
		},
		"a snapshot": func(t *testing.T, w *world, v *versions) {
			v.watched(w, false, plugins.Versions{Greatest: 2})
			w.restart()
			w.commit("a")
			synctest.Wait()
			w.registry = w.registry.Switch(member.Switch{CommandVersion: 3})
			w.install(5, "a", "b")
			w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1})
			ends(t, w, `snapshot 5 is of command version 3, and register of version "1.0.0" applies 0 to 2`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run(t, newWorld(t, nil), &versions{})
			})
		})
	}
}

// A plugin that gave up old versions is of use where it has what was applied by them: those
// entries it skips.
func TestAPluginMayGiveUpVersionsOfWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := &versions{}
		v.watched(w, true, plugins.Versions{Greatest: 3}, plugins.Versions{Least: 3, Greatest: 4})
		w.restart()
		w.commit("a")
		w.commitSwitch(3)
		w.commit("b")
		synctest.Wait()
		w.restart()
		w.commit("c")
		synctest.Wait()
		if got, want := v.take(), []string{"1 by 0", "3 by 3", "4 by 3"}; !slices.Equal(got, want) {
			t.Errorf("was given %v, want %v", got, want)
		}
	})
}
