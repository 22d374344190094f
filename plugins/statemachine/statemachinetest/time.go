package statemachinetest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// firstMoment is the time of the kit's first entry: far from the present, so that a state
// machine that reads a clock of its own is noticed.
const firstMoment = 4_000_000_000_000

func testTime(t *testing.T, h Harness) {
	t.Run("replicas agree by the time of the entries alone", func(t *testing.T) { agreesInTime(t, h) })
	t.Run("entries have their term and time", func(t *testing.T) { tellsTime(t, h) })
}

// timed gives entries terms and times: some have the same time, some are an hour apart,
// and the first ones have none.
func timed(entries []statemachine.Entry) []statemachine.Entry {
	for i := range entries {
		e := &entries[i]
		e.Term = 1 + e.Index/7
		if e.Index > 3 {
			e.Time = firstMoment + e.Index/5*3_600_000
		}
	}
	return entries
}

func agreesInTime(t *testing.T, h Harness) {
	const length = 60
	log := timed(mixedLog(h, length))
	whole := open(t, h)
	want := whole.apply(statemachine.Batch{Entries: log, Through: length})
	parts := open(t, h)
	var got []statemachine.Result
	for from := 0; from < length; from += 4 {
		got = append(got, parts.apply(statemachine.Batch{Entries: log[from : from+4], Through: log[from+3].Index})...)
	}
	if !equalResults(got, want) {
		t.Error("results of the same entries at the same times differ")
	}
	equalState(t, "in parts", parts.state(), whole.state())
}

func tellsTime(t *testing.T, h Harness) {
	needs(t, "Moment", h.Moment != nil)
	in := open(t, h)
	is := func(what string, term, time uint64) {
		t.Helper()
		gotTerm, gotTime, err := h.Moment(in.ctx, in.sm)
		if err != nil || gotTerm != term || gotTime != time {
			t.Errorf("%s: term %d and time %d, want %d and %d (%v)", what, gotTerm, gotTime, term, time, err)
		}
	}
	log, want := timed(h.commands(0, 12)), timed(h.commands(0, 12))
	in.apply(statemachine.Batch{Entries: log[:8], Through: 8})
	is("after a batch", want[7].Term, want[7].Time)
	again := timed(h.commands(6, 8))
	for i := range again {
		again[i].Time = want[7].Time
	}
	in.apply(statemachine.Batch{Entries: again, Through: 8})
	is("after a replay", want[7].Term, want[7].Time)
	a, err := statemachine.OpenApplier(in.ctx, in.sm)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Submit(statemachine.Batch{Entries: log[8:], Through: 12}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Recv(); err != nil {
		t.Fatal(err)
	}
	is("after the pipeline", want[11].Term, want[11].Time)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
