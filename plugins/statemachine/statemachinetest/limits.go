package statemachinetest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// entryOverhead is what a host counts for an entry beside its data.
const entryOverhead = 16

func testLimits(t *testing.T, h Harness) {
	t.Run("the largest entry", func(t *testing.T) {
		rule.Checks(t, "P-31", "SM-11")
		needs(t, "Sized", h.Sized != nil)
		largest := h.Sized(int(plugins.DefaultLimits().MaxEntryBytes))
		appliesAll(t, h, []statemachine.Entry{{Index: 1, Data: largest}})
	})
	t.Run("the largest batch", func(t *testing.T) {
		rule.Checks(t, "P-31", "SM-11")
		needs(t, "Sized", h.Sized != nil)
		const size = 4 << 10
		var entries []statemachine.Entry
		for i := uint64(1); i <= plugins.DefaultLimits().MaxBatchBytes/(size+entryOverhead); i++ {
			entries = append(entries, statemachine.Entry{Index: i, Data: h.Sized(size)})
		}
		appliesAll(t, h, entries)
	})
	t.Run("the largest batch of small entries", func(t *testing.T) {
		rule.Checks(t, "P-31", "SM-11")
		var entries []statemachine.Entry
		for i, room := 0, int(plugins.DefaultLimits().MaxBatchBytes); ; i++ {
			data := h.Command(i)
			if room -= len(data) + entryOverhead; room < 0 || i == plugins.MaxBatchEntries {
				break
			}
			entries = append(entries, statemachine.Entry{Index: uint64(i + 1), Data: data})
		}
		appliesAll(t, h, entries)
	})
}

// appliesAll applies entries in one batch, through the pipeline, and takes the
// state to another instance.
func appliesAll(t *testing.T, h Harness, entries []statemachine.Entry) {
	t.Helper()
	in := open(t, h)
	last := entries[len(entries)-1].Index
	a := in.applier(in.ctx)
	submit(t, a, statemachine.Batch{Entries: entries, Through: last}, true)
	out := recv(t, a)
	if len(out.Results) != len(entries) || out.Applied != last || out.Snapshot == nil {
		t.Fatalf("%d results, applied %d, want %d and %d and a snapshot", len(out.Results), out.Applied, len(entries), last)
	}
	for i, r := range out.Results {
		if r.Skipped || r.Error != "" {
			t.Fatalf("entry %d: %+v, want it accepted", entries[i].Index, r)
		}
	}
	state := in.save(out.Snapshot)
	in.finish(a)
	other := open(t, h)
	other.restore(last, state)
	equalState(t, "after a restore", other.state(), in.fingerprint(state))
}
