package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// killed has an operator, or the kernel, end each state machine over bitter, and the source
// give up after so many until it is told to forgive.
func (w *world) killed(lives int) *plague {
	p := w.infect()
	p.mu.Lock()
	p.outside = true
	p.mu.Unlock()
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.machines[0].outside = true
	w.source.prepare = func(n int, m *machine) error {
		if n >= lives && w.source.forgiven.Load() == 0 {
			return fmt.Errorf("%w: %w", ErrPermanent, ErrCrashLoop)
		}
		p.infect(m)
		return nil
	}
	return p
}

// A state machine that is ended from outside over the same entry until its source gives it
// up, as by the kernel where there is not the memory for it, quarantines the member: it
// would end the hosts of all members. Each later try counts. The quarantine ends as any
// other one.
func TestKillsOverOneEntryQuarantineWhereTheHostWouldEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		p := w.killed(11)
		w.commitAll("a", bitter, "b")
		w.lives(10)
		time.Sleep(2 * tick)
		synctest.Wait()
		if err := w.s.Err(); err != nil {
			t.Fatalf("the host ends with %v", err)
		}
		q := w.s.Status().Quarantine
		if q == nil || q.Index != 2 || q.Tries < maxEnds || !strings.Contains(q.LastWords, "too bitter") || w.s.Applied() != 1 {
			t.Fatalf("the status says %+v, and applied is %d", q, w.s.Applied())
		}
		w.refuses(q)
		w.lives(1)
		time.Sleep(tick)
		if again := w.s.Status().Quarantine; again == nil || again.Tries != q.Tries+1 {
			t.Errorf("after another try the status says %+v, before it had %d tries", again, q.Tries)
		}
		p.cure()
		w.lives(1)
		if w.s.Status().Quarantine != nil {
			t.Error("the quarantine goes on though the state machine has the entry")
		}
		w.wantState("a", bitter, "b")
	})
}

// Where no entry is to blame the host ends, as it does with any plugin that keeps ending:
// after too few ends over one entry, over other entries, and with nothing under way.
func TestKillsEndTheHostWhereNoEntryIsToBlame(t *testing.T) {
	for name, x := range map[string]struct {
		lives int
		kill  func(w *world, p *plague)
	}{
		"few ends": {sparedKills + maxEnds, func(w *world, _ *plague) { w.commitAll(bitter) }},
		"nothing is under way": {12, func(w *world, _ *plague) {
			for range 12 {
				w.source.current().Kill()
				restarted()
			}
		}},
		"other entries": {20, func(w *world, p *plague) {
			life := 0
			w.source.mu.Lock()
			prepare := w.source.prepare
			w.source.prepare = func(n int, m *machine) error {
				err := prepare(n, m)
				life++
				last := 4 - life%3
				m.apply = func(b statemachine.Batch, results []statemachine.Result) ([]statemachine.Result, error) {
					if b.Through >= uint64(last) {
						return nil, errors.New("killed")
					}
					return results, nil
				}
				return err
			}
			w.source.mu.Unlock()
			w.commitAll("a", "b", "c", "d")
			w.source.current().Kill()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				p := w.killed(x.lives)
				x.kill(w, p)
				time.Sleep(100 * tick)
				synctest.Wait()
				if err := w.s.Err(); !errors.Is(err, ErrPermanent) {
					t.Errorf("the host ends with %v; quarantined: %+v", err, w.s.Status().Quarantine)
				}
			})
		})
	}
}
