package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Each entry is applied by the version of its place, and all are applied, in random
// histories of the log, the queue and the state machines.
func TestRandomHistoriesHaveOneVersionForEachEntry(t *testing.T) {
	for seed := range int64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			w := newWorld(t, func(c *Config) {
				if r.Intn(2) == 0 {
					c.SnapshotEntries, c.CatchUpBytes = uint64(2+r.Intn(5)), 1
				}
			})
			v := &versions{}
			v.watched(w, r.Intn(2) == 0, plugins.Versions{Greatest: 1000})
			v.dieNowAndThen(w, r)
			w.restart()
			w.s.queue.limit = []uint64{1, 600, 1 << 20}[r.Intn(3)]
			want := w.history(r)
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			for _, given := range v.take() {
				if !want[given] {
					t.Fatalf("seed %d: given %s", seed, given)
				}
			}
			if w.s.Applied() != w.last {
				t.Fatalf("seed %d: applied %d of %d: %v, %+v", seed, w.s.Applied(), w.last, w.s.Err(), w.s.poison)
			}
		})
	}
}

// dieNowAndThen has state machines end in Apply.
func (v *versions) dieNowAndThen(w *world, r *rand.Rand) {
	prepare := w.source.prepare
	w.source.prepare = func(n int, m *machine) error {
		if err := prepare(n, m); err != nil {
			return err
		}
		apply := m.apply
		m.apply = func(b statemachine.Batch, results []statemachine.Result) ([]statemachine.Result, error) {
			results, err := apply(b, results)
			if r.Intn(12) == 0 {
				return nil, errors.New("it ends")
			}
			return results, err
		}
		return nil
	}
}

// history commits commands and switches, kills state machines and asks for snapshots. It
// returns by which version each entry may be given.
func (w *world) history(r *rand.Rand) map[string]bool {
	want, version := map[string]bool{}, uint32(0)
	for range 60 {
		switch r.Intn(8) {
		case 0:
			to := uint32(max(1, int(version)+r.Intn(4)-1))
			w.commitSwitch(to)
			version = max(version, to)
		case 1:
			w.source.current().Kill()
		case 2:
			time.Sleep(3 * tick)
		case 3:
			synctest.Wait()
		case 4:
			if r.Intn(4) == 0 {
				w.s.SnapshotWanted()
			}
		default:
			w.commit("x")
			want[fmt.Sprintf("%d by %d", w.last, version)] = true
		}
	}
	return want
}

// A batch without commands, as that of a switch alone, has no version that could be refused.
func TestABatchWithoutCommandsIsOfNoVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := &versions{}
		v.watched(w, false, plugins.Versions{Least: 1, Greatest: 1})
		w.restart()
		w.commitSwitch(1)
		synctest.Wait()
		w.commit("b")
		synctest.Wait()
		if err := w.s.Err(); err != nil || w.s.Applied() != 2 {
			t.Errorf("applied %d: %v", w.s.Applied(), err)
		}
	})
}

// An older plugin whose kept state has a switch that it does not apply is found before it
// serves, also by a host that has just started and knows of no version.
func TestAnOlderPluginIsFoundBeforeItServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		v := &versions{}
		v.watched(w, true, plugins.Versions{Greatest: 3}, plugins.Versions{Greatest: 2})
		w.restart()
		first := w.registry
		w.commit("a")
		w.commitSwitch(3)
		w.commit("b")
		synctest.Wait()
		w.registry = first // a new process of the host has applied nothing
		w.s.Detach(ErrStorageRestart)
		w.s.progress = newProgress()
		w.attach()
		w.s.queue.attach(0, first, 3)
		w.restart()
		w.s.SnapshotWanted()
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := w.s.Err(); !errors.Is(err, member.ErrCommandVersion) {
			_, asked := w.s.Query(t.Context(), []byte("count"), Stale)
			t.Errorf("it ends with %v; a query is answered with %v", err, asked)
		}
	})
}

// damaged has one snapshot that cannot be read from its first byte on.
type damaged struct {
	storage.Storage
	index uint64
}

func (s *damaged) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if index == s.index {
		return nil, storage.ErrCorrupt
	}
	return s.Storage.OpenSnapshot(ctx, index)
}

// A state machine that kept its state, with a damaged snapshot and a log that begins after
// it, cannot know its version: the leader is asked for a snapshot, and by that it goes on.
func TestADamagedSnapshotBeforeAKeptStateIsHelped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.joined()
		v := &versions{}
		v.watched(w, true, plugins.Versions{Greatest: 9})
		w.restart()
		w.commit("a")
		w.commitSwitch(1)
		w.commit("b", "c")
		synctest.Wait()
		w.snapshot(3, false, "a", "b")
		if _, err := w.store.Compact(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		w.rebuild()
		synctest.Wait()
		w.s.storage = &damaged{Storage: w.store, index: 3}
		w.restart()
		w.commit("d")
		time.Sleep(time.Hour)
		synctest.Wait()
		if w.s.Pleads() == 0 {
			t.Fatalf("applied %d of %d, and it asks for no snapshot: %v", w.s.Applied(), w.last, w.s.Err())
		}
		w.give(5, "a", "b", "c", "d")
		w.commit("e")
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.s.Applied() != w.last {
			t.Errorf("applied %d of %d after the leader's snapshot: %v", w.s.Applied(), w.last, w.s.Err())
		}
	})
}
