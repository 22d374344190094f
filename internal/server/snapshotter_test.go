package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// snapshots returns the indexes of those in the store.
func (w *world) snapshots() (list []uint64) {
	w.t.Helper()
	infos, err := w.store.ListSnapshots(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range infos {
		list = append(list, i.Metadata.Index)
	}
	return list
}

func (w *world) firstIndex() uint64 {
	w.t.Helper()
	for i := uint64(1); i <= w.last+1; i++ {
		if _, err := w.store.Read(context.Background(), i, i+1, 1); !errors.Is(err, storage.ErrCompacted) {
			return i
		}
	}
	return w.last + 1
}

// one commits entries one after the other, each applied before the next.
func (w *world) one(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		w.commit(text)
		synctest.Wait()
	}
}

func every(n uint64) func(*Config) {
	return func(c *Config) { c.SnapshotEntries, c.CatchUpEntries = n, 1 }
}

func TestSnapshotsAreDue(t *testing.T) {
	t.Run("by entries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, every(3))
			w.one("a", "b")
			if got := w.snapshots(); len(got) != 0 {
				t.Errorf("snapshots %v", got)
			}
			w.one("c", "d", "e", "f", "g")
			if got := w.snapshots(); fmt.Sprint(got) != "[3 6]" {
				t.Errorf("snapshots %v, want [3 6]", got)
			}
			if got := w.firstIndex(); got != 4 {
				t.Errorf("the log begins at %d, want 4: what follows the older snapshot stays", got)
			}
		})
	})
	t.Run("by bytes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.SnapshotBytes = 100 })
			w.one("small", string(make([]byte, 100)), "small")
			if got := w.snapshots(); fmt.Sprint(got) != "[2]" {
				t.Errorf("snapshots %v, want [2]", got)
			}
		})
	})
	t.Run("not behind an installed one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, every(3))
			w.install(50, "a")
			w.s.Restore(storage.SnapshotMetadata{Index: 50, Term: 1})
			w.one("b", "c")
			if got := w.snapshots(); fmt.Sprint(got) != "[50]" {
				t.Errorf("snapshots %v, want [50]", got)
			}
			w.one("d")
			if got := w.snapshots(); fmt.Sprint(got) != "[50 53]" {
				t.Errorf("snapshots %v, want [50 53]", got)
			}
		})
	})
}

// One that is asked for is taken at once, however little was applied and if
// nothing follows; not twice at the same place.
func TestWantedSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.s.SnapshotWanted()
		synctest.Wait()
		if got := w.snapshots(); len(got) != 0 {
			t.Errorf("snapshots %v of nothing", got)
		}
		w.one("a", "b")
		for range 3 {
			w.s.SnapshotWanted()
			synctest.Wait()
		}
		w.one("c")
		w.s.SnapshotWanted()
		synctest.Wait()
		if got := w.snapshots(); fmt.Sprint(got) != "[2 3]" {
			t.Errorf("snapshots %v, want [2 3]", got)
		}
		w.wantState("a", "b", "c")
	})
}

// Catch-up entries stay that reach back further than the older snapshot, and
// neither they nor what follows it stay beyond the bytes that may.
func TestWhatStaysOfTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		entries, bytes uint64
		first          uint64
	}{
		"what follows the older snapshot": {1, 1 << 20, 4},
		"catch-up entries":                {5, 1 << 20, 2},
		"no more bytes than may":          {5, 2 * (32 + 1), 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(cfg *Config) {
					cfg.SnapshotEntries, cfg.CatchUpEntries, cfg.CatchUpBytes = 3, c.entries, c.bytes
				})
				w.one("a", "b", "c", "d", "e", "f")
				if got := w.firstIndex(); got != c.first {
					t.Errorf("the log begins at %d, want %d", got, c.first)
				}
			})
		})
	}
}

// Entries that are being sent are not compacted away.
func TestHoldsKeepTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.SnapshotEntries = 4 })
		w.one("a", "b", "c", "d")
		never := func(err error) { t.Error(err) }
		first, second := w.s.Hold(4, never), w.s.Hold(4, never)
		w.one("e", "f", "g", "h")
		first()
		first() // twice counts once
		w.one("i", "j", "k", "l")
		if got := w.firstIndex(); got != 5 {
			t.Errorf("the log begins at %d, want 5", got)
		}
		second()
		w.one("m", "n", "o", "p")
		if got := w.firstIndex(); got != 13 {
			t.Errorf("the log begins at %d, want 13", got)
		}
	})
}

// A snapshot that fails is tried again, but not at every batch.
func TestFailedSnapshotIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		full := &fullStore{Storage: w.store}
		w.storageIs(full)
		w.one("a", "b", "c", "d", "e")
		if full.tries != 1 {
			t.Errorf("%d tries within an election timeout, want 1", full.tries)
		}
		time.Sleep(election)
		full.has = true
		w.one("f")
		if got := w.snapshots(); fmt.Sprint(got) != "[6]" {
			t.Errorf("snapshots %v, want [6]", got)
		}
	})
}

type fullStore struct {
	storage.Storage
	tries int
	has   bool
}

func (s *fullStore) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	s.tries++
	if !s.has {
		return nil, storage.ErrNoSpace
	}
	return s.Storage.CreateSnapshot(ctx, meta, received)
}

// The state machine dies after it prepared a snapshot and before it said so:
// the next one is asked again.
func TestSnapshotLostWithItsStateMachineIsDueAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		w.one("a")
		w.source.current().FailNext(errors.New("broke"))
		w.one("b")
		time.Sleep(tick)
		synctest.Wait()
		w.wantState("a", "b")
		w.one("c")
		if got := w.snapshots(); len(got) != 1 {
			t.Errorf("snapshots %v, want one", got)
		}
	})
}

// A state machine on disk may be ahead of what it is given: its snapshot is not
// one of the index that it would be stored under.
func TestSnapshotOfALaterStateIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		w.source.current().ahead = 1
		w.one("a", "b")
		if got := w.snapshots(); len(got) != 0 {
			t.Errorf("snapshots %v, want none", got)
		}
		w.source.current().ahead = 0
		w.one("c")
		if got := w.snapshots(); fmt.Sprint(got) != "[3]" {
			t.Errorf("snapshots %v, want [3]", got)
		}
	})
}

// A stop, and a restore, do not wait for a snapshot that is being saved.
func TestSavingIsGivenUp(t *testing.T) {
	for name, end := range map[string]func(*world){
		"by a stop": func(w *world) {
			if err := w.s.StopApplying(context.Background()); err != nil {
				w.t.Error(err)
			}
		},
		"by a restore": func(w *world) {
			w.install(50, "z")
			w.s.Restore(storage.SnapshotMetadata{Index: 50, Term: 1})
			synctest.Wait()
			w.wantState("z")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, every(2))
				w.source.current().snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { return slowSnapshot{s} }
				w.one("a", "b")
				end(w)
				if got := w.snapshots(); len(got) > 0 && got[0] == 2 {
					t.Error("the snapshot that was given up is there")
				}
			})
		})
	}
}

// slowSnapshot is not saved before its context ends.
type slowSnapshot struct{ statemachine.Snapshot }

func (s slowSnapshot) Save(ctx context.Context, _ io.Writer) error {
	<-ctx.Done()
	return ctx.Err()
}

// The members in a snapshot are those at its index.
func TestSnapshotHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		w.one("a", "b")
		r, err := w.store.OpenSnapshot(context.Background(), 2)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		h, err := ReadSnapshotHeader(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.check(7, r.Info().Metadata, w.source.current().Describe()); err != nil {
			t.Error(err)
		}
		if m, ok := h.Registry.Member(1); !ok || m.Name != "n1" {
			t.Errorf("members %v", h.Registry.Members())
		}
		for name, wrong := range map[string]func(*SnapshotHeader){
			"cluster":       func(h *SnapshotHeader) { h.ClusterID++ },
			"index":         func(h *SnapshotHeader) { h.Index++ },
			"term":          func(h *SnapshotHeader) { h.Term++ },
			"state machine": func(h *SnapshotHeader) { h.StateMachine = "other" },
		} {
			other := *h
			wrong(&other)
			if err := other.check(7, r.Info().Metadata, w.source.current().Describe()); err == nil {
				t.Errorf("another %s is taken", name)
			}
		}
	})
}

// A large state is written again only when as much log has come.
func TestEntriesAloneDoNotMakeALargeSnapshotDue(t *testing.T) {
	const entries, bytes = 10, 100 << 20
	for name, tc := range map[string]struct {
		size, applied uint64
		through       uint64
		want          bool
	}{
		"few entries":                   {size: 0, applied: 1000, through: 9, want: false},
		"enough entries, no snapshot":   {size: 0, applied: 1000, through: 10, want: true},
		"enough entries, small state":   {size: smallSnapshot, applied: 1000, through: 10, want: true},
		"enough entries, large state":   {size: smallSnapshot + 1, applied: 1000, through: 10, want: false},
		"as much log as state":          {size: smallSnapshot + 1, applied: smallSnapshot + 1, through: 10, want: true},
		"bytes alone, whatever is kept": {size: 10 * bytes, applied: bytes, through: 1, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Config{SnapshotEntries: entries, SnapshotBytes: bytes})
			s.snapshots.size = tc.size
			items := []work{{apply: node.Apply{First: tc.through, Last: tc.through, Term: 1, Bytes: tc.applied}}}
			if got := s.snapshots.due(tc.through, items); got != tc.want {
				t.Errorf("due is %v, want %v", got, tc.want)
			}
		})
	}
}

// A state machine that does not get ready for a snapshot is noticed like one that
// hangs in an apply, also if there is nothing to be applied.
func TestAPrepareThatHangsIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		m := w.source.current()
		m.snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { <-m.hold; return s }
		w.s.SnapshotWanted()
		time.Sleep(10 * election)
		if got := w.s.ApplyStalled(); got != 10*election {
			t.Errorf("it has hung for %v, want %v", got, 10*election)
		}
		m.release()
		synctest.Wait()
		if got := w.s.ApplyStalled(); got != 0 || len(w.snapshots()) != 1 {
			t.Errorf("then for %v, snapshots %v", got, w.snapshots())
		}
	})
}

// A header that no member could read is not written: the snapshot would be stored, and
// the log before it be gone.
func TestAHeaderThatCannotBeReadIsNotWritten(t *testing.T) {
	var removed strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&removed, `,{"id":%d,"index":%d,"term":%d}`, 1000+i, 1_000_000_000+i, 1000)
	}
	r := &member.Registry{}
	if err := r.UnmarshalJSON([]byte(`{"members":[{"id":1,"name":"n1","peer_urls":["http://n1:1"]}],"removed":[` + removed.String()[1:] + `]}`)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	h := SnapshotHeader{ClusterID: 1, Index: 7, Term: 2, StateMachine: "kv", Registry: r}
	if err := h.Encode(&out); err == nil || out.Len() > 0 {
		_, readErr := ReadSnapshotHeader(&out)
		t.Errorf("a header of %d bytes was written (%v); reading it: %v", out.Len(), err, readErr)
	}
}
