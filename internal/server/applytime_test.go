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

// commitAt commits a command that the leader has stamped.
func (w *world) commitAt(stamps ...uint64) {
	w.t.Helper()
	for _, stamp := range stamps {
		w.last++
		id := node.RequestID{Origin: 99, Number: w.last}
		b := binary.BigEndian.AppendUint64([]byte{2, 0}, stamp)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(id.Origin)), id.Number)
		err := w.store.Append(context.Background(), []storage.Batch{{
			Entries:   []storage.Entry{{Term: 1, Index: w.last, Data: append(b, "x"...)}},
			HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true,
		}})
		if err != nil {
			w.t.Fatal(err)
		}
		w.apply(node.Command{ID: id, Index: w.last, Term: 1, Stamp: stamp, Data: []byte("x")})
	}
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
