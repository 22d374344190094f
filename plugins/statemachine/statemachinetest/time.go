package statemachinetest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// firstMoment is the time of the kit's first entry: far from the present, so that a state
// machine that reads a clock of its own is noticed.
const firstMoment = 4_000_000_000_000

func testTime(t *testing.T, h Harness) {
	t.Run("replicas agree by the time of the entries alone", func(t *testing.T) { agreesInTime(t, h) })
	t.Run("a tick comes when it is asked for", func(t *testing.T) { takesTicks(t, h) })
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
	rule.Checks(t, "SM-5", "SM-17")
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
	rule.Checks(t, "SM-5", "SM-8")
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

// takesTicks waits for the timer of a command: the state machine has one, keeps it in a
// snapshot, and has none before that time, nor a later one, after a tick at that time. Ticks
// have empty results, also those that come unasked.
func takesTicks(t *testing.T, h Harness) {
	rule.Checks(t, "SM-18", "SM-19")
	in := open(t, h)
	if !in.sm.Describe().Has(statemachine.CapabilityTimers) {
		t.Skipf("the state machine has not announced %q", statemachine.CapabilityTimers)
	}
	needs(t, "Waiting", h.Waiting != nil)
	index := uint64(0)
	give := func(in *instance, time uint64, data []byte) {
		t.Helper()
		b := statemachine.Batch{Entries: []statemachine.Entry{{Index: index, Term: 1, Time: time, Data: data, Tick: data == nil}}, Through: index}
		if r := in.apply(b)[0]; r.Error != "" || data == nil && len(r.Data) > 0 {
			t.Errorf("entry %d, tick: %t: %+v", index, data == nil, r)
		}
	}
	index++
	give(in, firstMoment, nil)
	index++
	give(in, firstMoment, h.Waiting())
	at := statemachine.NextTimer(in.sm)
	if at <= firstMoment {
		t.Fatalf("the next timer is %d after time %d", at, uint64(firstMoment))
	}
	twin := open(t, h)
	twin.restore(index, in.snapshot())
	for name, in := range map[string]*instance{"one": in, "one that was restored": twin} {
		index = 3
		give(in, at-1, nil)
		if got := statemachine.NextTimer(in.sm); got != at {
			t.Errorf("%s: the next timer is %d after a tick that is too early, want %d", name, got, at)
		}
		index++
		give(in, at, nil)
		if got := statemachine.NextTimer(in.sm); got != 0 && got <= at {
			t.Errorf("%s: the next timer is %d after time %d", name, got, at)
		}
	}
	equalState(t, "after a restore and ticks", twin.state(), in.state())
}
