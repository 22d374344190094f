package statemachinetest

import (
	"bytes"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func testApply(t *testing.T, h Harness) {
	t.Run("a batch without entries moves the applied index", func(t *testing.T) {
		rule.Checks(t, "SM-7", "SM-9")
		in := open(t, h)
		in.apply(statemachine.Batch{Through: 5})
		in.prepare().Release()
	})
	t.Run("indexes may have gaps", func(t *testing.T) { appliesGaps(t, h) })
	t.Run("entries at or below the applied index are skipped", func(t *testing.T) { skips(t, h) })
	t.Run("a result does not change after it was returned", func(t *testing.T) { keepsResults(t, h) })
	t.Run("the data of entries is not written to", func(t *testing.T) { keepsData(t, h) })
	t.Run("a refused command changes nothing", func(t *testing.T) { refuses(t, h) })
}

func appliesGaps(t *testing.T, h Harness) {
	rule.Checks(t, "SM-9")
	in := open(t, h)
	entries := h.commands(0, 4)
	for i := range entries {
		entries[i].Index = uint64(10 * (i + 1))
	}
	for i, r := range in.apply(statemachine.Batch{Entries: entries, Through: 47}) {
		if r.Skipped || r.Error != "" {
			t.Errorf("entry %d: %+v, want it accepted", entries[i].Index, r)
		}
	}
	in.prepare().Release()
	late := h.commands(4, 5)
	late[0].Index = 47
	if r := in.apply(statemachine.Batch{Entries: late, Through: 47}); !r[0].Skipped {
		t.Errorf("entry at the applied index 47: %+v, want it skipped", r[0])
	}
}

func skips(t *testing.T, h Harness) {
	rule.Checks(t, "SM-8")
	in := open(t, h)
	in.advance(10)
	want := in.state()
	for _, b := range []struct{ from, through uint64 }{{0, 1}, {0, 10}, {9, 10}, {4, 8}} {
		for i, r := range in.apply(statemachine.Batch{Entries: h.commands(b.from, b.through), Through: b.through}) {
			if !r.Skipped || len(r.Data) > 0 || r.Error != "" {
				t.Errorf("entry %d again: %+v, want it skipped", int(b.from)+i+1, r)
			}
		}
		equalState(t, "after a replay", in.state(), want)
	}
	results := in.apply(statemachine.Batch{Entries: h.commands(7, 13), Through: 13})
	for i, r := range results {
		if index := 8 + i; r.Skipped != (index <= 10) {
			t.Errorf("entry %d, applied is 10: %+v", index, r)
		}
	}
	equalState(t, "after a batch that was known in part", in.state(), reference(t, h, 13))
}

func keepsResults(t *testing.T, h Harness) {
	in := open(t, h)
	results := in.advance(20)
	kept := make([][]byte, len(results))
	for i, r := range results {
		kept[i] = bytes.Clone(r.Data)
	}
	in.advance(60)
	in.snapshot()
	for i, r := range results {
		if !bytes.Equal(r.Data, kept[i]) {
			t.Errorf("result of entry %d was %x and is now %x", i+1, kept[i], r.Data)
		}
	}
}

func keepsData(t *testing.T, h Harness) {
	in := open(t, h)
	entries := h.commands(0, 20)
	in.apply(statemachine.Batch{Entries: entries, Through: 20})
	in.advance(40)
	in.snapshot()
	for i, e := range entries {
		if !bytes.Equal(e.Data, h.Command(i)) {
			t.Errorf("data of entry %d was changed", e.Index)
		}
	}
}

func refuses(t *testing.T, h Harness) {
	rule.Checks(t, "SM-10", "SM-5")
	needs(t, "Refused", len(h.Refused) > 0)
	for _, refused := range h.Refused {
		t.Run(refused.Name, func(t *testing.T) {
			in, twin := open(t, h), open(t, h)
			in.advance(3)
			twin.advance(3)
			b := statemachine.Batch{Entries: []statemachine.Entry{{Index: 4, Data: refused.Data}}, Through: 4}
			got, again := in.apply(b), twin.apply(b)
			if got[0].Error == "" || got[0].Skipped {
				t.Fatalf("result %+v, want an Error", got[0])
			}
			if !equalResults(got, again) {
				t.Fatalf("replicas refuse differently: %+v and %+v", got, again)
			}
			equalState(t, "replicas after a refusal", in.state(), twin.state())
			unchanged := open(t, h)
			unchanged.advance(3)
			unchanged.apply(statemachine.Batch{Through: 4})
			equalState(t, "refusal against no command", in.state(), unchanged.state())
		})
	}
}
