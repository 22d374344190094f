package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// commitCheck commits a check of the state.
func (w *world) commitCheck() {
	w.t.Helper()
	w.last++
	err := w.store.Append(context.Background(), []storage.Batch{{
		Entries:   []storage.Entry{{Term: 1, Index: w.last, Data: []byte("\xf4{}")}},
		HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true,
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.Apply(node.Apply{First: w.last, Last: w.last, Term: 1, Check: true, Before: w.registry, Registry: w.registry})
	synctest.Wait()
}

// parts commits a check, after which a majority has another hash.
func (w *world) parts() {
	w.t.Helper()
	w.commitCheck()
	own := w.s.hashes.own
	if len(own) == 0 {
		w.t.Fatal("the state machine was not asked for its hash")
	}
	other := own[len(own)-1]
	other.Value++
	w.s.heardAgreed(other)
	w.passes()
}

// passes lets some ticks pass.
func (w *world) passes() {
	time.Sleep(20 * tick)
	synctest.Wait()
}

// hashes is a world whose state machines have hashes of their states, with the entries "a",
// "b" and "c" and a snapshot of the first two. With keep they find what the one before had.
func hashes(t *testing.T, keep bool) *world { return hashesOf(t, keep, 2) }

// hashesOf is hashes with a snapshot after so many entries.
func hashesOf(t *testing.T, keep bool, entries uint64) *world {
	w := newWorld(t, every(entries))
	w.joined()
	w.one("a", "b")
	w.source.mu.Lock()
	w.source.sparse = true
	w.source.prepare = func(n int, m *machine) error {
		if keep && n > 0 {
			m.Register = w.source.machines[n-1].Successor()
		}
		m.AnnounceHash("digest")
		return nil
	}
	w.source.mu.Unlock()
	w.rebuild()
	w.source.current().Kill()
	w.passes()
	w.one("c")
	return w
}

// damages has the snapshot at an index damaged, or none for 0.
func (w *world) damages(index uint64) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.storage = w.store; index > 0 {
		w.s.storage = &damagedStore{Storage: w.store, index: index}
	}
}

// A snapshot for a rebuild that is damaged is asked for again, as a later one.
func TestADamagedSnapshotForARebuildIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		w.parts()
		at := w.s.Pleads()
		if at == 0 {
			t.Fatalf("it asks for no snapshot: %v", w.s.Err())
		}
		for w.last < at+1 {
			w.commit("d")
		}
		synctest.Wait()
		w.damages(at)
		w.give(at, "a", "b", "c")
		if got := w.s.Pleads(); got != at+1 {
			t.Fatalf("after the damaged snapshot %d it asks for %d, want %d", at, got, at+1)
		}
		w.give(at+1, "a", "b", "c", "d")
		if w.s.Pleads() != 0 || w.s.Status().Quarantine != nil {
			t.Errorf("it asks for %d, quarantine %v", w.s.Pleads(), w.s.Status().Quarantine)
		}
	})
}

// A state machine that cannot be started while its member is to be rebuilt is tried again as
// in any quarantine: after pauses, and with its ends forgiven.
func TestARebuildWaitsForAStateMachineThatDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		before, tries := w.source.prepare, 0
		w.source.prepare = func(n int, m *machine) error {
			tries++
			if w.source.forgiven.Load() == 0 {
				return errors.Join(ErrPermanent, ErrCrashLoop)
			}
			return before(n, m)
		}
		w.parts()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if tries > 100 || w.source.forgiven.Load() == 0 {
			t.Errorf("%d starts in 10 minutes, forgiven %d times", tries, w.source.forgiven.Load())
		}
	})
}

// A member that parts at each check, as a state machine that is not deterministic does, is
// rebuilt after pauses.
func TestAMemberThatPartsAgainAndAgainWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		texts := []string{"a", "b", "c"}
		begun, rebuilt := time.Now(), 0
		for time.Since(begun) < 10*time.Minute {
			if w.s.Status().Quarantine == nil {
				w.parts()
			}
			if at := w.s.Pleads(); at > 0 {
				for w.last < at {
					w.commit("x")
					texts = append(texts, "x")
				}
				w.give(w.last, texts...)
				rebuilt++
			}
			w.passes()
		}
		if most := maxPartings + int(2*10*time.Minute/isolationPause); rebuilt < maxPartings || rebuilt > most {
			t.Errorf("%d rebuilds in 10 minutes, not between %d and %d", rebuilt, maxPartings, most)
		}
	})
}

// A snapshot that raft installs ends the quarantine; another generation of the storage does
// not.
func TestAnInstalledSnapshotEndsARebuild(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := hashes(t, keep)
			w.parts()
			w.rebuild()
			w.passes()
			if w.s.Pleads() == 0 || w.s.Status().Quarantine == nil {
				t.Errorf("keep %t: with a new storage it asks for %d", keep, w.s.Pleads())
			}
			w.install(9, "a", "b", "c", "i")
			w.s.Restore(storage.SnapshotMetadata{Index: 9, Term: 1})
			w.passes()
			w.wantState("a", "b", "c", "i")
			if w.s.Pleads() != 0 || w.s.Status().Quarantine != nil {
				t.Errorf("keep %t: it asks for %d, quarantine %v", keep, w.s.Pleads(), w.s.Status().Quarantine)
			}
			w.one("k")
			w.wantState("a", "b", "c", "i", "k")
		})
	}
}

// A state that came by a snapshot has no hash yet, which the leader hears: it is checked though
// nothing is written.
func TestAStateThatIsRestoredIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		w.commitCheck()
		w.passes()
		if got := w.s.hash.Load(); got.Index != w.last || got.Name == 0 {
			t.Fatalf("the leader hears %+v, want a hash at %d", got, w.last)
		}
		w.install(9, "a", "b", "c", "i")
		w.s.Restore(storage.SnapshotMetadata{Index: 9, Term: 1})
		w.passes()
		if got := w.s.hash.Load(); got.Index != 0 || got.Name == 0 {
			t.Errorf("the leader hears %+v, which is of the state before", got)
		}
	})
}

// The snapshots of a member that has parted are given to no other one, until it is rebuilt.
func TestAPartedMemberIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		if w.s.hash.Load().untrusted {
			t.Fatal("it is not trusted from the start")
		}
		w.parts()
		at := w.s.Pleads()
		if !w.s.hash.Load().untrusted {
			t.Error("it has parted, and is trusted")
		}
		for w.last < at {
			w.commit("d")
		}
		w.give(at, "a", "b", "c", "d")
		if w.s.hash.Load().untrusted {
			t.Error("it is rebuilt, and not trusted")
		}
	})
}

// A state machine that has kept a later state than that of the snapshot goes back to it.
func TestAKeptStateIsRebuiltFromAnEarlierSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, true)
		w.commitCheck()
		at := w.last
		other := w.s.hashes.own[0]
		other.Value++
		w.one("e", "f")
		w.source.current().Corrupt()
		w.s.heardAgreed(other)
		w.passes()
		asked := w.s.Pleads()
		if asked < at {
			t.Fatalf("it asks for %d: %v", asked, w.s.Err())
		}
		if asked > w.last {
			w.commit("g")
		}
		w.give(asked, "a", "b", "c", "e", "f", "g")
		for _, e := range w.source.current().Entries() {
			if strings.HasPrefix(string(e.Data), "corrupt") {
				t.Errorf("it has %q", e.Data)
			}
		}
		if w.s.Status().Quarantine != nil {
			t.Error("it is quarantined still")
		}
	})
}

// A member that is late has heard of the next agreement before it has its own hash. It is
// compared all the same.
func TestALateMemberIsCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		name := hashNameOf("digest")
		next := w.last + 1
		w.s.heardAgreed(node.StateHash{Index: next, Name: name, Value: 1})
		w.s.heardAgreed(node.StateHash{Index: next + 2, Name: name, Value: 12})
		synctest.Wait()
		w.commitCheck()
		w.passes()
		if q := w.s.Status().Quarantine; q == nil || !q.Parted || q.Index != next {
			t.Errorf("quarantine %+v, want one for %d", q, next)
		}
	})
}

// A snapshot of the state that has parted is not taken later either, when that of the leader
// cannot be read any more.
func TestASnapshotOfAPartedStateIsNeverTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		w.source.current().Corrupt()
		w.parts()
		at := w.s.Pleads()
		for w.last < at {
			w.commit("d")
		}
		synctest.Wait()
		w.give(at, "a", "b", "c", "d")
		w.wantState("a", "b", "c", "d")
		w.damages(at)
		w.source.current().Kill()
		w.passes()
		for _, e := range w.source.current().Entries() {
			if strings.HasPrefix(string(e.Data), "corrupt") {
				t.Errorf("it serves %q", e.Data)
			}
		}
		if w.s.Pleads() == 0 && w.s.Applied() < w.last {
			t.Errorf("it has applied %d of %d, and asks for no snapshot", w.s.Applied(), w.last)
		}
	})
}

// mutes has the next so many state machines, and the present one, give no hash.
func (w *world) mutes(lives int) {
	mute := func() []byte { return nil }
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	before, first := w.source.prepare, len(w.source.machines)
	w.source.machines[first-1].hash = mute
	w.source.prepare = func(n int, m *machine) error {
		if n < first+lives {
			m.hash = mute
		}
		return before(n, m)
	}
}

// A state machine that names a hash and gives none ends, and nothing is lost: the next one
// gets the same entries.
func TestAnEmptyHashEndsTheStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hashes(t, false)
		w.mutes(0)
		w.commitCheck()
		w.passes()
		w.one("d", "e")
		w.wantState("a", "b", "c", "d", "e")
		if w.s.Applied() != w.last || w.s.Err() != nil {
			t.Errorf("applied %d of %d: %v", w.s.Applied(), w.last, w.s.Err())
		}
	})
}

// A state machine that ends over a hash ends over the check, and not over the command before it: that one is
// applied. It is so in a replay, too.
func TestACheckThatEndsTheStateMachineIsNamed(t *testing.T) {
	for name, commits := range map[string]func(*world){
		"in a batch": func(w *world) {
			w.mutes(10)
			w.commitAllChecked("d", "e")
		},
		"in a replay": func(w *world) {
			w.commitAllChecked("d", "e")
			w.mutes(10)
			w.source.current().Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := hashesOf(t, false, 100)
				commits(w)
				for range 5 {
					w.passes()
				}
				q := w.s.Status().Quarantine
				if q == nil || q.Index != w.last || q.Bytes != 0 || q.Parted {
					t.Fatalf("quarantine %+v, want one for %d", q, w.last)
				}
				w.wantState("a", "b", "c", "d", "e")
			})
		})
	}
}

// commitAllChecked commits commands and a check after them in one run.
func (w *world) commitAllChecked(texts ...string) {
	w.t.Helper()
	var entries []storage.Entry
	a := node.Apply{First: w.last + 1, Term: 1, Check: true, Before: w.registry, Registry: w.registry}
	for _, text := range texts {
		w.last++
		id := node.RequestID{Origin: 99, Number: w.last}
		entries = append(entries, entry(w.last, id, text))
		a.Commands = append(a.Commands, node.Command{ID: id, Index: w.last, Term: 1, Data: []byte(text)})
	}
	w.last++
	a.Last = w.last
	entries = append(entries, storage.Entry{Term: 1, Index: w.last, Data: []byte("\xf4{}")})
	err := w.store.Append(context.Background(), []storage.Batch{{Entries: entries, HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.Apply(a)
	synctest.Wait()
}

// A later word of what a majority has at a check takes the place of an earlier one. A member
// that is late by minutes is compared all the same, and what is kept has a bound.
func TestTheLastWordOnACheckCounts(t *testing.T) {
	a := &agreements{}
	for index := uint64(1); index <= 3*maxAgreements; index++ {
		for value := range uint64(3) {
			a.add(node.StateHash{Index: index, Name: 1, Value: value})
		}
	}
	list := a.taken()
	if len(list) != maxAgreements {
		t.Fatalf("%d are kept, want %d", len(list), maxAgreements)
	}
	for i, h := range list {
		if want := (node.StateHash{Index: 2*maxAgreements + 1 + uint64(i), Name: 1, Value: 2}); h != want {
			t.Errorf("%+v is kept, want %+v", h, want)
		}
	}
}
