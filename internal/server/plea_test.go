package server

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// pleading is a member of two whose snapshots, at 2 and 4, are called bad by its
// state machines like all those for which bad says so; entry 5 is in its log.
func pleading(t *testing.T, bad func(index uint64) bool) *world {
	t.Helper()
	w := newWorld(t, every(2))
	w.joined()
	w.one("a", "b", "c", "d", "e")
	w.source.prepare = func(_ int, m *machine) error {
		m.restore = func(index uint64) error {
			if bad(index) {
				return statemachine.ErrBadSnapshot
			}
			return nil
		}
		return nil
	}
	w.rebuild() // the node knows of both members
	w.source.current().Kill()
	time.Sleep(20 * tick)
	synctest.Wait()
	return w
}

// give is the leader's snapshot that arrives.
func (w *world) give(index uint64, texts ...string) {
	w.t.Helper()
	w.snapshot(index, false, texts...)
	w.s.StateReceived(storage.SnapshotMetadata{Index: index, Term: 1})
	time.Sleep(20 * tick)
	synctest.Wait()
}

// A member whose snapshots are of no use, and whose log does not reach back far
// enough, asks for a newer one. It is not ready and says why; entries committed
// meanwhile wait. When the snapshot is there it goes on by the log.
func TestAMemberWithoutAStateAsksForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pleading(t, func(index uint64) bool { return index <= 4 })
		if got := w.s.Pleads(); got != 5 {
			t.Fatalf("it asks for a snapshot at %d, want 5", got)
		}
		w.commit("f", "g")
		synctest.Wait()
		const says = "waits for a snapshot of the leader at entry 5 or later"
		ready := false
		for _, o := range w.s.obstacles() {
			ready = ready || o.reason == WarnCatchingUp && strings.Contains(o.err.Error(), says)
		}
		if !ready || w.s.MachineDown() == 0 {
			t.Errorf("readiness does not say %q: %v", says, w.s.obstacles())
		}
		w.give(6, "a", "b", "c", "d", "e", "f")
		w.wantState("a", "b", "c", "d", "e", "f", "g")
		if got := w.s.Pleads(); got != 0 {
			t.Errorf("it asks for a snapshot at %d, and has one", got)
		}
		w.one("h")
		w.wantState("a", "b", "c", "d", "e", "f", "g", "h")
	})
}

// A snapshot that raft installs meanwhile does as well, and so does another
// storage, as long as it is not asked in vain.
func TestAnInstalledSnapshotEndsAPlea(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pleading(t, func(index uint64) bool { return index <= 4 })
		w.rebuild()
		synctest.Wait()
		if got := w.s.Pleads(); got != 5 {
			t.Fatalf("with another storage it asks for a snapshot at %d, want 5", got)
		}
		w.install(9, "a", "b", "c", "i")
		w.s.Restore(storage.SnapshotMetadata{Index: 9, Term: 1})
		time.Sleep(20 * tick)
		synctest.Wait()
		w.wantState("a", "b", "c", "i")
	})
}

// A state machine that cannot be restored from the leader's snapshot either has
// no other member to ask.
func TestTheLeadersSnapshotIsRefusedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pleading(t, func(uint64) bool { return true })
		w.give(5, "a", "b", "c", "d", "e")
		<-w.s.Done()
		if err := w.s.Err(); !errors.Is(err, ErrPermanent) || !strings.Contains(err.Error(), "snapshot 5 of the leader cannot be restored either") {
			t.Errorf("ended with %v", err)
		}
	})
}

// Snapshots of the leader that are damaged here are asked for again, as often as
// maxPleas.
func TestPleasAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pleading(t, func(index uint64) bool { return index <= 4 })
		w.commit("f", "g", "h")
		for i := range uint64(maxPleas) {
			at := 5 + i
			if got := w.s.Pleads(); got != at {
				t.Fatalf("it asks for a snapshot at %d, want %d", got, at)
			}
			w.storageIs(&damagedStore{Storage: w.store, index: at})
			w.give(at, "x")
		}
		<-w.s.Done()
		if err := w.s.Err(); !errors.Is(err, ErrPermanent) || !strings.Contains(err.Error(), "3 snapshots of the leader were damaged") {
			t.Errorf("ended with %v", err)
		}
	})
}
