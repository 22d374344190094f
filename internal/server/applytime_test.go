package server

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// commitAt commits commands that the leader has stamped.
func (w *world) commitAt(stamps ...uint64) {
	w.t.Helper()
	for _, stamp := range stamps {
		w.commitStamped(node.Command{ID: node.RequestID{Origin: 99, Number: w.last + 1}, Stamp: stamp, Data: []byte("x")})
	}
}

// commitStamped commits a command, or a tick.
func (w *world) commitStamped(c node.Command) {
	w.t.Helper()
	w.last++
	c.Index, c.Term = w.last, 1
	b := []byte{2, 0}
	if c.Tick {
		b[1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, c.Stamp)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(c.ID.Origin)), c.ID.Number)
	err := w.store.Append(context.Background(), []storage.Batch{{
		Entries:   []storage.Entry{{Term: 1, Index: w.last, Data: append(b, c.Data...)}},
		HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true,
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(c)
}

// times are those of the entries that the present state machine was given, by the index.
func (w *world) times() map[uint64]uint64 {
	times := map[uint64]uint64{}
	for _, e := range w.source.current().Entries() {
		if e.Term != 0 { // else it is from a snapshot of the tests
			times[e.Index] = e.Time
		}
	}
	return times
}

// The time of an entry is the same whichever state machine is given it, and when: the
// first one, one that begins with nothing and gets a replay, one that was restored from
// a snapshot, and one that has kept its state and gets only what is new. A stamp from the
// past sets nothing back.
func TestEveryStateMachineGetsTheSameTimes(t *testing.T) {
	want := map[uint64]uint64{1: 100, 2: 300, 3: 300, 4: 300, 5: 300, 6: 400}
	for _, x := range []struct {
		name            string
		keeps, snapshot bool
		sees            []uint64
	}{
		{"one that begins with nothing", false, false, []uint64{1, 2, 3, 4, 5, 6}},
		{"one that is restored", false, true, []uint64{4, 5, 6}},
		{"one that keeps its state", true, false, []uint64{1, 2, 3, 4, 5, 6}},
		{"one that keeps its state, beside a snapshot", true, true, []uint64{1, 2, 3, 4, 5, 6}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.commitAt(100, 300, 0, 200)
				synctest.Wait()
				if x.keeps {
					w.source.keepState()
				}
				if x.snapshot {
					w.time = 300
					w.snapshot(3, false, "a", "b", "c")
				}
				w.source.current().Kill()
				time.Sleep(2 * tick) // the next one is started after a tick
				synctest.Wait()
				w.commitAt(250, 400)
				if err := w.source.current().WaitApplied(t.Context(), 6); err != nil {
					t.Fatal(err)
				}
				times, seen := w.times(), []uint64(nil)
				for index := uint64(1); index <= 6; index++ {
					if at, ok := times[index]; ok {
						if seen = append(seen, index); at != want[index] {
							t.Errorf("entry %d has time %d, want %d", index, at, want[index])
						}
					}
				}
				if !slices.Equal(seen, x.sees) {
					t.Errorf("it has entries %d of the log, want %d", seen, x.sees)
				}
			})
		})
	}
}

// A snapshot has the time of its last entry, and keeps it on the way.
func TestASnapshotHasTheTimeOfItsLastEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.SnapshotEntries = 3 })
		w.commitAt(100, 300, 200)
		synctest.Wait()
		r, err := w.store.OpenSnapshot(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if h, err := ReadSnapshotHeader(r); err != nil || h.Time != 300 {
			t.Errorf("header %+v, %v", h, err)
		}
	})
}

// A state machine that does not know ticks gets none, from raft and in a replay. The time
// that they tell counts, and the requests beside them get their own results.
func TestAStateMachineThatKnowsNoTicksGetsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		check := func(what string) {
			t.Helper()
			if err := w.source.current().WaitApplied(t.Context(), w.last); err != nil {
				t.Fatal(err)
			}
			for _, e := range w.source.current().Entries() {
				if e.Tick || e.Index > 2 && e.Time != 500 {
					t.Errorf("%s: entry %d, tick %t, at time %d", what, e.Index, e.Tick, e.Time)
				}
			}
		}
		id, outcome := w.propose("own")
		w.commitAt(100)
		w.commitStamped(node.Command{Tick: true, Stamp: 500})
		w.commitStamped(node.Command{ID: id, Stamp: 200, Data: []byte("own")})
		synctest.Wait()
		if got := <-outcome; got.err != nil || string(got.result.Data) != "2" {
			t.Errorf("the request got %+v, want the result of the second command", got)
		}
		check("from raft")
		w.source.current().Kill()
		time.Sleep(2 * tick) // the next one is started after a tick
		w.commitAt(300)
		synctest.Wait()
		check("in a replay")
		w.wantState("x", "own", "x")
	})
}
