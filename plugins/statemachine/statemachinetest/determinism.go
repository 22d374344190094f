package statemachinetest

import (
	"math/rand/v2"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// logLength is the length of the logs that replicas are compared on.
const logLength = 300

func testDeterminism(t *testing.T, h Harness) {
	t.Run("replicas agree however the log is cut into batches", func(t *testing.T) { agrees(t, h) })
	t.Run("every entry changes the state", func(t *testing.T) {
		in := open(t, h)
		seen := map[string]uint64{in.state(): 0}
		for index := uint64(1); index <= 20; index++ {
			in.advance(index)
			state := in.state()
			if at, was := seen[state]; was {
				t.Fatalf("the state after command %d, %.200q, is that after command %d", index, h.Command(int(index-1)), at)
			}
			seen[state] = index
		}
	})
}

// agrees applies one log, with commands that are refused in it, in batches of
// one, all at once, and in random ones with snapshots in between.
func agrees(t *testing.T, h Harness) {
	rule.Checks(t, "SM-5", "SM-7", "SM-42")
	log := mixedLog(h, logLength)
	run := func(size func() int, between func(*instance)) ([]statemachine.Result, string) {
		in := open(t, h)
		var results []statemachine.Result
		for from := 0; from < len(log); {
			to := min(len(log), from+size())
			results = append(results, in.apply(statemachine.Batch{Entries: log[from:to], Through: log[to-1].Index})...)
			between(in)
			from = to
		}
		return results, in.state()
	}
	nothing := func(*instance) {}
	wantResults, want := run(func() int { return len(log) }, nothing)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, cut := range []struct {
		name    string
		size    func() int
		between func(*instance)
	}{
		{"one by one", func() int { return 1 }, nothing},
		{"random batches", func() int { return 1 + rnd.IntN(40) }, nothing},
		{"with snapshots", func() int { return 30 }, func(in *instance) { in.snapshot() }},
		{"with snapshots held", func() int { return 30 }, func(in *instance) { in.t.Cleanup(in.prepare().Release) }},
	} {
		results, state := run(cut.size, cut.between)
		if !equalResults(results, wantResults) {
			t.Errorf("%s: results differ from those of one batch", cut.name)
		}
		equalState(t, cut.name, state, want)
	}
}

// mixedLog is a log of n entries with a refused command after every ten.
func mixedLog(h Harness, n uint64) []statemachine.Entry {
	log := h.commands(0, n)
	if len(h.Refused) == 0 {
		return log
	}
	next := 0
	for i := range log {
		if i%11 == 10 {
			log[i].Data = h.Refused[(i/11)%len(h.Refused)].Data
			continue
		}
		log[i].Data = h.Command(next)
		next++
	}
	return log
}
