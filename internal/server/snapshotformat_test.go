package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// reading is a member of two, at the level at which snapshots have a format, with
// snapshots at 2, of format 1, and at 4, of format 2. Its state machine, the next one,
// announces formats and notes the snapshots that it is shown.
func reading(t *testing.T, formats plugins.SnapshotFormats, shown *[]uint64) *world {
	t.Helper()
	w := newWorld(t, nil)
	w.joined()
	w.registry = w.registry.Raise(member.CommandVersionLevel)
	w.commit("a", "b", "c", "d", "e")
	synctest.Wait()
	w.format = 1
	w.snapshot(2, false, "a", "b")
	w.format = 2
	w.snapshot(4, false, "a", "b", "c", "d")
	if _, err := w.store.Compact(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.source.prepare = func(_ int, m *machine) error {
		m.AnnounceFormats(formats)
		m.restore = func(index uint64) error {
			*shown = append(*shown, index)
			return nil
		}
		return nil
	}
	return w
}

// restarted starts the next state machine, with all that the node finds in the store.
func (w *world) restarted() {
	w.t.Helper()
	w.rebuild()
	w.source.current().Kill()
	time.Sleep(20 * tick)
	synctest.Wait()
}

// A state machine is shown no snapshot of a format that it has not announced: one before it
// and the log do as well. It is one life of the state machine, since it has seen nothing.
func TestASnapshotOfAnotherFormatIsNotShown(t *testing.T) {
	for name, x := range map[string]struct {
		formats plugins.SnapshotFormats
		shown   []uint64
	}{
		"it writes the older format":             {plugins.SnapshotFormats{Written: 1}, []uint64{2}},
		"it reads the newer one":                 {plugins.SnapshotFormats{Written: 1, Readable: []uint32{2}}, []uint64{4}},
		"it writes the newer one":                {plugins.SnapshotFormats{Written: 2}, []uint64{4}},
		"it writes another one, and reads older": {plugins.SnapshotFormats{Written: 3, Readable: []uint32{1}}, []uint64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var shown []uint64
				w := reading(t, x.formats, &shown)
				w.restarted()
				w.wantState("a", "b", "c", "d", "e")
				if fmt.Sprint(shown) != fmt.Sprint(x.shown) || len(w.source.all()) != 2 {
					t.Errorf("it was shown %d in %d lives, want %d in one", shown, len(w.source.all())-1, x.shown)
				}
			})
		})
	}
}

// Where nothing else is left the member asks the leader for one, and ends with a sentence
// that has both formats if that is of another format too.
func TestAMemberEndsThatReadsNoSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown []uint64
		w := reading(t, plugins.SnapshotFormats{Written: 7, Readable: []uint32{5}}, &shown)
		w.restarted()
		if got := w.s.Pleads(); got != 5 {
			t.Fatalf("it asks for a snapshot at %d, want 5", got)
		}
		w.give(5, "a", "b", "c", "d", "e")
		<-w.s.Done()
		const says = `it is of format 2, and register of version "1.0.0" reads 5, 7: start this member with a plugin that reads it`
		if err := w.s.Err(); !errors.Is(err, ErrPermanent) || !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("ended with %v", err)
		}
		if len(shown) > 0 {
			t.Errorf("it was shown %d", shown)
		}
	})
}

// A snapshot has the format of the state machine's bytes, from the level on at which each
// build knows that field.
func TestASnapshotHasItsFormat(t *testing.T) {
	for level, want := range map[uint64]uint32{0: 0, member.CommandVersionLevel - 1: 0, member.CommandVersionLevel: 6} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.SnapshotEntries = 2 })
			w.source.prepare = func(_ int, m *machine) error {
				m.AnnounceFormats(plugins.SnapshotFormats{Written: 6})
				return nil
			}
			w.restart()
			w.registry = w.registry.Raise(level)
			w.commit("a", "b")
			synctest.Wait()
			r, err := w.store.OpenSnapshot(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if h, err := ReadSnapshotHeader(r); err != nil || h.Format != want {
				t.Errorf("at level %d: %+v, %v, want format %d", level, h, err, want)
			}
		})
	}
}

// Before there is a state machine, and of a snapshot without a number, only Restore tells.
func TestWhatIsNotKnownIsNotRefused(t *testing.T) {
	s := New(Config{})
	if err := s.CheckFormat(&SnapshotHeader{Format: 3}); err != nil {
		t.Errorf("without a state machine: %v", err)
	}
	s.info.Store(&plugins.Info{Name: "register", SnapshotFormats: plugins.SnapshotFormats{Written: 2}})
	if err := s.CheckFormat(&SnapshotHeader{}); err != nil {
		t.Errorf("without a number: %v", err)
	}
	if err := s.CheckFormat(&SnapshotHeader{Format: 3}); !errors.Is(err, statemachine.ErrBadSnapshot) {
		t.Errorf("of another format: %v", err)
	}
}
