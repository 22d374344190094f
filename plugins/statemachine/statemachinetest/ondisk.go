package statemachinetest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// ending is a way for a state machine's process to end.
type ending struct {
	name string
	end  func(testing.TB, statemachine.StateMachine)
}

// endings are those that the harness knows.
func (h Harness) endings() (list []ending) {
	if h.Kill != nil {
		list = append(list, ending{"a kill", h.Kill})
	}
	if h.LosePower != nil {
		list = append(list, ending{"a loss of power", h.LosePower})
	}
	return list
}

// testOnDisk is for state machines that say how much of their state is durable.
func testOnDisk(t *testing.T, h Harness) {
	if !open(t, h).sm.Describe().Has(statemachine.CapabilityDurable) {
		t.Skip("the state machine does not announce the capability durable")
	}
	t.Run("the durable index", func(t *testing.T) { saysWhatIsDurable(t, h) })
	t.Run("a restored state is durable", func(t *testing.T) {
		rule.Checks(t, "SM-51")
		origin := open(t, h)
		origin.advance(50)
		for _, before := range []uint64{0, 20, 80} {
			in := open(t, h)
			in.advance(before)
			in.restore(50, origin.snapshot())
			if d := statemachine.DurableIndex(in.sm); d != 50 {
				t.Errorf("durable index %d after a restore of 50 over %d", d, before)
			}
		}
	})
	needs(t, "Kill", h.Kill != nil)
	if h.LosePower == nil {
		t.Log("the harness has no LosePower: what is not synced is not taken away")
	}
	for _, e := range h.endings() {
		t.Run("what is durable is there after "+e.name, func(t *testing.T) { keepsWhatIsDurable(t, h, e) })
		t.Run("half-way through Apply comes "+e.name, func(t *testing.T) { endsInApply(t, h, e) })
		t.Run("half-way through Restore comes "+e.name, func(t *testing.T) { endsInRestore(t, h, e) })
		t.Run("after Restore comes "+e.name, func(t *testing.T) { endsAfterRestore(t, h, e) })
	}
}

// saysWhatIsDurable has the durable index between what was said before and what is applied, and
// after a Sync at what is applied.
func saysWhatIsDurable(t *testing.T, h Harness) {
	rule.Checks(t, "SM-49", "SM-52")
	in := open(t, h)
	before := uint64(0)
	look := func(what string) {
		t.Helper()
		d := statemachine.DurableIndex(in.sm)
		if d < before || d > in.applied {
			t.Fatalf("%s: durable index %d, after %d, where %d is applied", what, d, before, in.applied)
		}
		before = d
	}
	look("after Open")
	for round := uint64(1); round <= 20; round++ {
		in.advance(5 * round)
		look("after Apply")
		if round%4 == 0 {
			if d := in.sync(); d != in.applied {
				t.Fatalf("Sync = %d after everything up to %d was applied", d, in.applied)
			}
			look("after Sync")
			if before != in.applied {
				t.Fatalf("durable index %d after a Sync at %d", before, in.applied)
			}
		}
	}
}

// sync syncs, and returns what that has answered.
func (in *instance) sync() uint64 {
	in.t.Helper()
	d, err := statemachine.Sync(in.ctx, in.sm)
	if err != nil {
		in.t.Fatalf("Sync at %d: %v", in.applied, err)
	}
	return d
}

// life is a data directory through the ends of the state machines that use it.
type life struct {
	t    *testing.T
	h    Harness
	opts plugins.Options
	// heard is the last durable index, given how far the state may be.
	heard, given uint64
}

func newLife(t *testing.T, h Harness) *life {
	return &life{t: t, h: h, opts: h.options(t.TempDir())}
}

// reopen opens the next state machine, whose state is exactly that of an index from the
// durable one on.
func (l *life) reopen() *instance {
	l.t.Helper()
	l.opts.Incarnation++
	in := openIn(l.t, l.h, l.opts)
	if in.applied < l.heard || in.applied > l.given {
		l.t.Fatalf("Open = %d, where %d was durable and %d applied", in.applied, l.heard, l.given)
	}
	equalState(l.t, "found by Open", in.state(), reference(l.t, l.h, in.applied))
	l.note(in)
	l.given = in.applied
	return in
}

// note hears the durable index.
func (l *life) note(in *instance) { l.heard = max(l.heard, statemachine.DurableIndex(in.sm)) }

// keepsWhatIsDurable ends a state machine again and again, between two calls.
func keepsWhatIsDurable(t *testing.T, h Harness, e ending) {
	rule.Checks(t, "SM-50", "SM-49", "SM-52")
	random := rand.New(rand.NewPCG(1, 2))
	l := newLife(t, h)
	for range 12 {
		in := l.reopen()
		for range random.IntN(4) {
			in.advance(in.applied + 1 + random.Uint64N(20))
			l.given = in.applied
			l.note(in)
			if random.IntN(2) == 0 {
				l.heard = max(l.heard, in.sync())
			}
		}
		e.end(t, in.sm)
	}
	l.reopen()
}

// endsInApply ends a state machine while batches are on their way.
func endsInApply(t *testing.T, h Harness, e ending) {
	rule.Checks(t, "SM-50", "SM-2", "SM-12")
	l := newLife(t, h)
	for answers := range 8 {
		in := l.reopen()
		a, err := statemachine.OpenApplier(in.ctx, in.sm)
		if err != nil {
			t.Fatal(err)
		}
		submitted := make(chan uint64, 1)
		go func() {
			at := in.applied
			for range answers + 4 {
				if a.Submit(statemachine.Batch{Entries: h.commands(at, at+7), Through: at + 7}, false) != nil {
					break
				}
				at += 7
			}
			submitted <- at
		}()
		for range answers {
			out, err := a.Recv()
			if err != nil {
				t.Fatalf("Recv: %v", err)
			}
			l.heard = max(l.heard, out.Durable)
		}
		e.end(t, in.sm)
		// The batch that could not be submitted may have been received.
		l.given = <-submitted + 7
		_ = a.Close()
		for {
			if _, err := a.Recv(); err != nil {
				break
			}
		}
	}
	l.reopen()
}

// errEnded is what a Restore reads after its end.
var errEnded = errors.New("the process has ended")

// endsInRestore ends a state machine after it has read so much of a snapshot.
func endsInRestore(t *testing.T, h Harness, e ending) {
	rule.Checks(t, "SM-51", "SM-50")
	origin := open(t, h)
	origin.advance(50)
	snapshot := origin.snapshot()
	for _, before := range []uint64{0, 20, 80} {
		states := map[uint64]string{before: reference(t, h, before), 50: origin.fingerprint(snapshot)}
		for _, cut := range []int{0, 1, len(snapshot) / 2, len(snapshot) - 1, len(snapshot)} {
			l := newLife(t, h)
			in := l.reopen()
			in.advance(before)
			in.sync()
			r := io.MultiReader(bytes.NewReader(snapshot[:cut]), &endingReader{func() { e.end(t, in.sm) }})
			if err := in.sm.Restore(in.ctx, 50, r); err == nil {
				t.Errorf("Restore over %d, ended after %d of %d bytes: nil, want an error", before, cut, len(snapshot))
			}
			l.opts.Incarnation++
			again := openIn(t, h, l.opts)
			want, ok := states[again.applied]
			if !ok {
				t.Fatalf("Open after a restore of 50 over %d that ended after %d of %d bytes = %d", before, cut, len(snapshot), again.applied)
			}
			equalState(t, "found by Open", again.state(), want)
		}
	}
}

// endingReader ends the process when it is read.
type endingReader struct{ end func() }

func (r *endingReader) Read([]byte) (int, error) {
	r.end()
	return 0, errEnded
}

// endsAfterRestore ends a state machine as soon as a Restore has returned.
func endsAfterRestore(t *testing.T, h Harness, e ending) {
	rule.Checks(t, "SM-51")
	origin := open(t, h)
	origin.advance(50)
	for _, before := range []uint64{0, 20, 80} {
		l := newLife(t, h)
		in := l.reopen()
		in.advance(before)
		in.restore(50, origin.snapshot())
		e.end(t, in.sm)
		l.heard, l.given = 50, 50
		l.reopen()
	}
}
