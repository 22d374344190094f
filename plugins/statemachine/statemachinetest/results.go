package statemachinetest

import (
	"bytes"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func testResults(t *testing.T, h Harness) {
	t.Run("that nobody waits for need not be made", func(t *testing.T) { dropsResults(t, h) })
	t.Run("of a full batch are more than a message carries", func(t *testing.T) { answersInParts(t, h) })
	t.Run("of the largest size come whole", func(t *testing.T) {
		rule.Checks(t, "SM-15")
		needs(t, "Answering", h.Answering != nil)
		for i, r := range answers(t, h, plugins.MaxResultBytes, 1, plugins.MaxResultBytes) {
			if want := []int{plugins.MaxResultBytes, 1, plugins.MaxResultBytes}[i]; len(r.Data) != want || r.LeftOut || r.Error != "" {
				t.Errorf("result %d has %d bytes, error %q, left out: %t, want %d bytes", i, len(r.Data), r.Error, r.LeftOut, want)
			}
		}
	})
	t.Run("that are too long are left out, and the entry is applied", func(t *testing.T) { leavesOut(t, h) })
}

// dropsResults applies a log whose results no client waits for, skipped
// entries among it. The state is the same as with results.
func dropsResults(t *testing.T, h Harness) {
	rule.Checks(t, "SM-16")
	in := open(t, h)
	in.advance(10)
	a := in.applier(in.ctx)
	submit(t, a, statemachine.Batch{Entries: h.commands(5, 40), Through: 40, NoResults: true}, false)
	out := recv(t, a)
	if len(out.Results) != 35 || out.Applied != 40 {
		t.Fatalf("%d results, applied %d, want 35 and 40", len(out.Results), out.Applied)
	}
	for i, r := range out.Results {
		if index := 6 + i; len(r.Data) > 0 || r.Error != "" || r.Skipped != (index <= 10) {
			t.Errorf("entry %d, applied is 10: %+v, want neither data nor error", index, r)
		}
	}
	in.finish(a)
	in.applied = 40
	equalState(t, "without results", in.state(), reference(t, h, 40))
}

// answersInParts asks for 4 KiB for each entry of a batch.
func answersInParts(t *testing.T, h Harness) {
	rule.Checks(t, "SM-14")
	needs(t, "Answering", h.Answering != nil)
	const size = 4 << 10
	sizes := make([]int, plugins.MaxBatchEntries)
	for i := range sizes {
		sizes[i] = size
	}
	results := answers(t, h, sizes...)
	twin := answers(t, h, sizes...)
	for i, r := range results {
		if len(r.Data) != size || r.LeftOut || r.Error != "" {
			t.Fatalf("result %d has %d bytes, error %q, want %d", i, len(r.Data), r.Error, size)
		}
	}
	if !equalResults(results, twin) {
		t.Error("the results of a replica are others, or in another order")
	}
}

// leavesOut has a result of one byte too many between two that fit.
func leavesOut(t *testing.T, h Harness) {
	rule.Checks(t, "SM-15")
	needs(t, "Answering", h.Answering != nil)
	results := answers(t, h, 8, plugins.MaxResultBytes+1, 9)
	if r := results[1]; len(r.Data) > 0 || !r.LeftOut || r.Error == "" || r.Skipped {
		t.Errorf("the long one: %d bytes, error %q, left out: %t, want it left out with a reason", len(r.Data), r.Error, r.LeftOut)
	}
	if len(results[0].Data) != 8 || len(results[2].Data) != 9 {
		t.Errorf("its neighbours have %d and %d bytes, want 8 and 9", len(results[0].Data), len(results[2].Data))
	}
	if !equalResults(results, answers(t, h, 8, plugins.MaxResultBytes+1, 9)) {
		t.Error("a replica says something else of it")
	}
}

// answers applies, through a pipeline, one batch of commands with results of
// these sizes, and makes sure that all of them were applied: a twin that wants no
// results has the same state.
func answers(t *testing.T, h Harness, sizes ...int) []statemachine.Result {
	t.Helper()
	b := statemachine.Batch{Through: uint64(len(sizes))}
	for i, n := range sizes {
		b.Entries = append(b.Entries, statemachine.Entry{Index: uint64(i + 1), Data: h.Answering(n)})
	}
	in, twin := open(t, h), open(t, h)
	a := in.applier(in.ctx)
	submit(t, a, b, false)
	out := recv(t, a)
	if len(out.Results) != len(sizes) || out.Applied != b.Through {
		t.Fatalf("%d results, applied %d, want %d each", len(out.Results), out.Applied, len(sizes))
	}
	in.finish(a)
	in.applied = b.Through
	b.NoResults = true
	for i := range b.Entries {
		b.Entries[i].Data = bytes.Clone(b.Entries[i].Data)
	}
	twin.apply(b)
	equalState(t, "with results", in.state(), twin.state())
	return out.Results
}
