package statemachinetest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func testDurable(t *testing.T, h Harness) {
	if !h.Durable {
		t.Run("nothing is kept", func(t *testing.T) {
			rule.Checks(t, "SM-1")
			opts := h.options(t.TempDir())
			in := openIn(t, h, opts)
			in.advance(10)
			in.close()
			opts.Incarnation++
			if again := openIn(t, h, opts); again.applied != 0 {
				t.Fatalf("Open after a Close = %d, want 0: the harness does not say Durable", again.applied)
			}
		})
		return
	}
	t.Run("the state is there after Close", func(t *testing.T) { reopens(t, h, (*instance).close) })
	t.Run("the state is there after a kill", func(t *testing.T) {
		needs(t, "Kill", h.Kill != nil)
		reopens(t, h, func(in *instance) { h.Kill(t, in.sm) })
	})
	t.Run("a restored state is there after Close", func(t *testing.T) {
		rule.Checks(t, "SM-39", "SM-2")
		origin := open(t, h)
		origin.advance(50)
		opts := h.options(t.TempDir())
		in := openIn(t, h, opts)
		in.advance(10)
		in.restore(50, origin.snapshot())
		in.close()
		opts.Incarnation++
		again := openIn(t, h, opts)
		if again.applied != 50 {
			t.Fatalf("Open after a restore of 50 = %d", again.applied)
		}
		equalState(t, "after the reopen", again.state(), origin.state())
	})
	t.Run("data of another node is refused", func(t *testing.T) {
		rule.Checks(t, "P-22")
		opts := h.options(t.TempDir())
		in := openIn(t, h, opts)
		in.advance(3)
		in.close()
		for _, change := range []func(*plugins.Options){
			func(o *plugins.Options) { o.NodeID++ },
			func(o *plugins.Options) { o.ClusterID++ },
		} {
			other := opts
			change(&other)
			sm := h.New(t)
			t.Cleanup(func() { _ = sm.Close(testContext(t)) })
			if _, err := sm.Open(testContext(t), other); !errors.Is(err, plugins.ErrWrongIdentity) {
				t.Errorf("Open for node %x of cluster %x: %v, want %v", other.NodeID, other.ClusterID, err, plugins.ErrWrongIdentity)
			}
		}
	})
}

// reopens ends a state machine after each of a few batches. The state that
// Open finds may be behind what was applied, never ahead, and a replay brings
// it level.
func reopens(t *testing.T, h Harness, end func(*instance)) {
	rule.Checks(t, "SM-1", "SM-2", "P-8")
	opts := h.options(t.TempDir())
	total := uint64(0)
	for round := uint64(1); round <= 5; round++ {
		in := openIn(t, h, opts)
		if in.applied > total {
			t.Fatalf("Open in round %d = %d, only %d was applied", round, in.applied, total)
		}
		found := in.applied
		for i, r := range in.apply(statemachine.Batch{Entries: h.commands(0, total), Through: total}) {
			if index := uint64(i + 1); r.Skipped != (index <= found) {
				t.Fatalf("replay of entry %d after Open = %d: %+v", index, found, r)
			}
		}
		total += 10
		in.advance(total)
		equalState(t, "after a replay", in.state(), reference(t, h, total))
		end(in)
		opts.Incarnation++
	}
}
