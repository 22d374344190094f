package server

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

// suspected is a world whose member has parted at the check at 4 in an earlier life of its host, and
// has applied "a" and "b" in this one. noted are the indexes that it notes.
func suspected(t *testing.T, hash string) (w *world, noted *[]uint64) {
	noted = &[]uint64{}
	w = newWorldAfter(t, func(c *Config) {
		every(2)(c)
		c.NoteParting = func(index uint64, _ string) { *noted = append(*noted, index) }
		c.StateMachine.(*source).prepare = func(_ int, m *machine) error {
			m.sparse = true
			m.AnnounceHash(hash)
			return nil
		}
	}, func(s *Server) { s.Suspect(4, "it\ndiffers") })
	w.joined()
	w.one("a", "b")
	return w, noted
}

// agrees commits a check, after which a majority has the same hash.
func (w *world) agrees() {
	w.commitCheck()
	w.s.heardAgreed(w.s.hashes.own[len(w.s.hashes.own)-1])
	w.passes()
}

func (w *world) wantSuspected(is bool) {
	w.t.Helper()
	_, err := w.s.Query(w.t.Context(), []byte("count"), Stale)
	if q := w.s.Quarantined(); (q != "") != is || errors.Is(err, ErrQuarantined) != is || w.s.hash.Load().untrusted != is {
		w.t.Errorf("quarantined: %q; a read: %v; untrusted: %t", q, err, w.s.hash.Load().untrusted)
	}
}

// A member that parted before its host was started again serves nothing and gives its state to none
// until a check after that one shows that it has the state of the others.
func TestASuspectIsHeldUntilACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, noted := suspected(t, "digest")
		w.wantSuspected(true)
		if q := w.s.Status().Quarantine; !q.Parted || q.Index != 4 || !strings.Contains(w.s.Quarantined(), "before this start") || !strings.HasSuffix(q.text(), "it differs") {
			t.Errorf("%+v: %q", q, w.s.Quarantined())
		}
		w.agrees() // at 3, when it had not parted
		w.wantSuspected(true)
		w.agrees()
		w.wantSuspected(false)
		if !slices.Equal(*noted, []uint64{0}) {
			t.Errorf("it has noted %d", *noted)
		}
	})
}

// One that still has another state is rebuilt, as any that parts, and that is noted for the next
// start.
func TestASuspectThatPartsAgainIsRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, noted := suspected(t, "digest")
		w.rebuild() // of two voters
		w.one("c")
		w.parts()
		w.wantSuspected(true)
		at := w.s.Pleads()
		if at == 0 || strings.Contains(w.s.Quarantined(), "before this start") || !slices.Equal(*noted, []uint64{4}) {
			t.Fatalf("it pleads for %d, has noted %d: %s", at, *noted, w.s.Quarantined())
		}
		for w.last < at {
			w.commit("d")
		}
		w.give(at, "a", "b", "c", "d")
		w.wantSuspected(false)
		if !slices.Equal(*noted, []uint64{4, 0}) {
			t.Errorf("it has noted %d", *noted)
		}
	})
}

// Where no check will come, since the state machine has no hash any more, nothing is held back.
func TestASuspectWithoutAHashIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, noted := suspected(t, "")
		w.wantSuspected(false)
		if !slices.Equal(*noted, []uint64{0}) {
			t.Errorf("it has noted %d", *noted)
		}
	})
}

// An entry that ends the state machine of a suspect does not acquit it when it is past that.
func TestAPoisonedEntryDoesNotAcquitASuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := suspected(t, "digest")
		w.s.isolated.Store(&Quarantine{Index: w.last + 1})
		w.one("c")
		w.wantSuspected(true)
	})
}

// A suspect that leads, because no better member can, has no work of the leader done with what it has.
func TestASuspectIsNotReadyToDoTheWorkOfTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := suspected(t, "digest")
		leads := func() plugins.Leadership {
			return w.s.leadership(node.State{Leader: 1, Term: 1, Reigns: true, PutOut: w.s.Applied()})
		}
		if l := leads(); !l.Leads || l.Ready {
			t.Errorf("it is told %+v", l)
		}
		w.agrees() // at 3, when it had not parted
		w.agrees()
		if l := leads(); !l.Ready {
			t.Errorf("it has the state of the others, and is told %+v", l)
		}
	})
}
