package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// quarantined has the world's member quarantined for entry 2.
func (w *world) quarantined() (*plague, *Quarantine) {
	w.t.Helper()
	p := w.infect()
	w.commitAll("a", bitter, "b")
	w.lives(3)
	time.Sleep(tick / 10)
	synctest.Wait()
	q := w.s.Status().Quarantine
	if q == nil {
		w.t.Fatalf("the member is not quarantined; suspects are %+v", w.s.poison)
	}
	return p, q
}

// One entry that ends the state machine three times in a row quarantines the member: the
// host goes on, the entries before it are applied, nothing is skipped, and state
// machines are started once a minute. Each refusal says which entry it is. When the
// state machine is repaired the next try ends the quarantine, and all is applied.
func TestAnEntryThatEndsThreeStateMachinesQuarantines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p, q := w.quarantined()
		want := Quarantine{
			Index: 2, Term: 1, Bytes: uint64(len(bitter)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(bitter))),
			Tries: maxEnds, LastWords: "apply [2,2]: too bitter", Since: q.Since, Next: q.Next,
		}
		if *q != want {
			t.Errorf("the status says %+v, want %+v", *q, want)
		}
		w.refuses(q)
		if w.s.Applied() != 1 || w.s.Live() != nil {
			t.Errorf("applied is %d, want 1; live: %v", w.s.Applied(), w.s.Live())
		}
		lives := len(w.source.all())
		time.Sleep(isolationPause - 2*tick)
		if n := len(w.source.all()) - lives; n != 0 {
			t.Errorf("%d state machines were started within the pause", n)
		}
		w.lives(1)
		if w.source.forgiven.Load() == 0 {
			t.Error("the source was not told to forget the ends")
		}
		time.Sleep(tick)
		if q := w.s.Status().Quarantine; q == nil || q.Tries != maxEnds+1 {
			t.Errorf("after another try the status says %+v", q)
		}
		p.cure()
		w.lives(1)
		if w.s.Status().Quarantine != nil || strings.Contains(fmt.Sprint(w.s.Status().Warnings), WarnQuarantined) {
			t.Error("the quarantine goes on though the state machine has the entry")
		}
		w.wantState("a", bitter, "b")
		w.commitAll("c", "d")
		synctest.Wait()
		w.wantState("a", bitter, "b", "c", "d")
	})
}

// refuses checks that proposals and reads are refused at once, by the entry's index.
func (w *world) refuses(q *Quarantine) {
	w.t.Helper()
	begun := time.Now()
	_, proposed := w.s.Propose(context.Background(), []byte("x"))
	_, asked := w.s.Query(context.Background(), []byte("count"), Linearizable)
	_, stale := w.s.Query(context.Background(), []byte("count"), Stale)
	_, barrier := w.s.ReadBarrier(context.Background())
	for what, err := range map[string]error{"a proposal": proposed, "a query": asked, "a stale query": stale, "a read barrier": barrier} {
		var known *Error
		if !errors.Is(err, ErrQuarantined) || !errors.As(err, &known) || known.RetryAfter <= 0 || !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", q.Index)) {
			w.t.Errorf("%s ended with %v", what, err)
		}
	}
	if took := time.Since(begun); took > 0 {
		w.t.Errorf("refusals took %v", took)
	}
	if err := w.s.Ready(); err == nil || !strings.Contains(err.Error(), "quarantined: entry 2 ") {
		w.t.Errorf("ready says %v", err)
	}
}

// A client of a quarantined member is told to come again soon while there may soon be a member
// that answers: without a leader, and while a quarantined one may hand over. Else it is told
// to come again after the next try.
func TestWhenAClientOfAQuarantinedMemberComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.leads(1, 5)
		time.Sleep(10 * election)
		w.quarantined()
		again := func(what string, soon bool) {
			t.Helper()
			var e *Error
			if _, err := w.s.Propose(context.Background(), []byte("x")); !errors.As(err, &e) || e.RetryAfter <= 0 || (e.RetryAfter <= election) != soon {
				t.Errorf("%s: %v, and again after %v", what, err, e.RetryAfter)
			}
		}
		again("the leader has just been quarantined", true)
		time.Sleep(handoverElections * election)
		again("it has found no successor", false)
		w.leads(0, 6)
		again("there is no leader", true)
		time.Sleep(10 * election)
		again("there is none for long", true)
		w.leads(1, 7)
		again("it leads again", true)
		time.Sleep(handoverElections * election)
		again("it has found no successor again", false)
	})
}

// A snapshot of another member that has the entry ends a quarantine at once: the leader
// is asked for one, and the entries in it are acknowledged and not given again.
func TestASnapshotBeyondTheEntryEndsAQuarantine(t *testing.T) {
	for name, installed := range map[string]bool{"asked for": false, "installed by raft": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				_, q := w.quarantined()
				if least := w.s.Pleads(); least != q.Index {
					t.Errorf("the leader is asked for a snapshot at %d, want %d", least, q.Index)
				}
				meta := storage.SnapshotMetadata{Index: 3, Term: 1}
				if installed {
					w.install(3, "a", bitter, "b")
					w.s.Restore(meta)
				} else {
					w.snapshot(3, false, "a", bitter, "b")
					w.s.StateReceived(meta)
				}
				begun := time.Now()
				w.lives(1)
				if took := time.Since(begun); took >= isolationPause/2 {
					t.Errorf("it was used after %v", took)
				}
				w.commit("c")
				synctest.Wait()
				w.wantState("a", bitter, "b", "c")
				if w.s.Status().Quarantine != nil || w.s.Pleads() != 0 {
					t.Error("the quarantine goes on")
				}
			})
		})
	}
}

// A snapshot that does not help is not asked for again before the next try, so that a
// leader does not make one after the other.
func TestAQuarantinedMemberAsksForFewSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p, _ := w.quarantined()
		w.source.mu.Lock()
		w.source.prepare = func(_ int, m *machine) error {
			p.infect(m)
			m.restore = func(uint64) error { return statemachine.ErrBadSnapshot }
			return nil
		}
		w.source.mu.Unlock()
		w.snapshot(3, false, "a", bitter, "b")
		w.s.StateReceived(storage.SnapshotMetadata{Index: 3, Term: 1})
		w.lives(1)
		time.Sleep(2 * tick)
		if least := w.s.Pleads(); least != 0 {
			t.Errorf("another snapshot at %d is asked for at once", least)
		}
		w.lives(1)
		time.Sleep(2 * tick)
		if least := w.s.Pleads(); least != 4 {
			t.Errorf("after the next try a snapshot at %d is asked for, want 4: the last one was of no use", least)
		}
	})
}

// A plugin that cannot even be started while its member is quarantined, as while its file
// is being replaced, ends nothing.
func TestAPluginMayBeReplacedInAQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p, _ := w.quarantined()
		w.source.mu.Lock()
		w.source.prepare = func(int, *machine) error { return fmt.Errorf("%w: wrong checksum", ErrPermanent) }
		w.source.mu.Unlock()
		time.Sleep(3 * isolationPause)
		synctest.Wait()
		if err := w.s.Err(); err != nil {
			t.Fatal(err)
		}
		p.cure()
		w.infect()
		w.source.mu.Lock()
		w.source.prepare = nil
		w.source.mu.Unlock()
		w.lives(1)
		w.wantState("a", bitter, "b")
	})
}

// Ends from outside do not count as tries: a member whose state machine an operator kills while it
// applies the same entry is not quarantined.
func TestKillsDoNotQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p := w.infect()
		p.mu.Lock()
		p.outside = true
		p.mu.Unlock()
		w.source.current().outside = true
		w.commitAll(bitter)
		w.lives(2 * maxEnds)
		if q := w.s.Status().Quarantine; q != nil {
			t.Errorf("the member is quarantined: %+v", q)
		}
		p.cure()
		w.lives(1)
		w.wantState(bitter)
	})
}

// A proposal that raft refuses because of a quarantine ends with that reason.
func TestWhatANodeRefusesInAQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.leads(2, 5)
		if err := w.s.whyRejected(node.ErrQuarantined); !errors.Is(err, ErrQuarantined) || err.Leader != 0 || err.RetryAfter <= 0 {
			t.Errorf("without a quarantine of its own: %v, with leader %d; the leader is of no use", err, err.Leader)
		}
		_, q := w.quarantined()
		if err := w.s.whyRejected(node.ErrQuarantined); !errors.Is(err, ErrQuarantined) || !strings.Contains(err.Error(), q.SHA256) {
			t.Errorf("in a quarantine: %v", err)
		}
	})
}

// A state machine on disk has everything before the entry, so that it lacks nothing that
// was applied here: it is brought to the snapshot all the same.
func TestASnapshotBeyondTheEntryHelpsAStateMachineOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p, _ := w.quarantined()
		w.source.mu.Lock()
		w.source.prepare = func(_ int, m *machine) error {
			ctx, kept := context.Background(), statemachinetest.NewRegister()
			if _, err := kept.Open(ctx, plugins.Options{}); err != nil {
				return err
			}
			_, err := kept.Apply(ctx, statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: []byte("a")}}, Through: 1})
			m.Register = kept.Successor()
			p.infect(m)
			return err
		}
		w.source.mu.Unlock()
		w.snapshot(3, false, "a", bitter, "b")
		w.s.StateReceived(storage.SnapshotMetadata{Index: 3, Term: 1})
		w.lives(1)
		if w.s.Status().Quarantine != nil {
			t.Error("the quarantine goes on")
		}
		w.wantState("a", bitter, "b")
	})
}
