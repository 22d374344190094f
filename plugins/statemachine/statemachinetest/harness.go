package statemachinetest

import (
	"context"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Harness says how to make the state machine under test and how to talk to it.
// Only New and Command are needed; each of the others lets the kit see more,
// and what it cannot see it reports as a skipped test with the name of the
// missing field.
type Harness struct {
	// New returns a state machine that is not open. Its resources are released
	// by t.Cleanup; the kit itself calls Close. For an RPC lane it returns the
	// host's end of a connection to a plugin made for this call alone.
	New func(t testing.TB) statemachine.StateMachine

	// Command returns the data of the i-th command of an endless series, from
	// 0. Applied in the order of the series every one of them is accepted and
	// changes the state.
	Command func(i int) []byte

	// Config is given to every Open. It need not be set.
	Config []byte

	// Refused are commands that are answered by Result.Error, whatever the
	// state, and change nothing.
	Refused []Refusal

	// Observe reads, by Query, a text that each Command changes and that never
	// comes back to an earlier one.
	Observe func(ctx context.Context, sm statemachine.StateMachine) (string, error)

	// Moment reads, by Query, the term and the time of the last entry that the state
	// machine was given and did not skip.
	Moment func(ctx context.Context, sm statemachine.StateMachine) (term, time uint64, err error)

	// Waiting returns a command that is accepted in any state at a time that is not 0, and
	// after which a state machine with statemachine.CapabilityTimers has a timer.
	Waiting func() []byte

	// Changed returns a command that is accepted in any state, and that has another effect
	// on an empty state by the greatest version that the state machine announces than by the
	// least.
	Changed func() []byte

	// Stream returns a query that a state machine with
	// statemachine.CapabilityQueryStreams answers in chunks, at least one after the first
	// commands, and that ends. Each Command changes what they hold.
	Stream func() []byte

	// BadQueries make no sense to the application, in chunks or not.
	BadQueries [][]byte

	// Sized returns a command of exactly n bytes that is accepted in any
	// state; n is at least 1 KiB.
	Sized func(n int) []byte

	// Answering returns a command that is accepted in any state, with a result
	// of exactly n bytes of data.
	Answering func(n int) []byte

	// Fingerprint reduces a snapshot to what must be equal on two replicas. By
	// default that is all of its bytes.
	Fingerprint func(snapshot []byte) (string, error)

	// Checksummed says that Restore notices any changed bit.
	Checksummed bool

	// Durable says that the state outlives the state machine in its DataDir.
	Durable bool

	// Kill ends a state machine that New returned as kill -9 would: nothing is written from
	// then on, and calls under way fail, beside which it may come. It is used for Durable ones.
	Kill func(t testing.TB, sm statemachine.StateMachine)

	// LosePower is Kill, and takes away what the state machine has written and not
	// synced, as a loss of power may. It is used for those with
	// statemachine.CapabilityDurable.
	LosePower func(t testing.TB, sm statemachine.StateMachine)
}

// Refusal is a command that is refused.
type Refusal struct {
	Name string
	Data []byte
}

// Run checks a state machine against the contract, in subtests of t. A harness whose commands
// are refused is a failure of its own, and the only one.
func Run(t *testing.T, h Harness) {
	if !t.Run("Harness", func(t *testing.T) { testHarness(t, h) }) {
		return
	}
	for _, section := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"Lifecycle", testLifecycle},
		{"Classes", testClasses},
		{"Apply", testApply},
		{"Determinism", testDeterminism},
		{"Time", testTime},
		{"Versions", testVersions},
		{"Hash", testHash},
		{"Query", testQuery},
		{"QueryStream", testQueryStream},
		{"Snapshot", testSnapshot},
		{"Restore", testRestore},
		{"Applier", testApplier},
		{"Limits", testLimits},
		{"Results", testResults},
		{"Durable", testDurable},
		{"OnDisk", testOnDisk},
	} {
		t.Run(section.name, func(t *testing.T) { section.run(t, h) })
	}
}

// testHarness tells a command that the harness should not have given from a fault of the state
// machine. A fault is left to the tests that name its rule.
func testHarness(t *testing.T, h Harness) {
	t.Run("its commands are accepted", func(t *testing.T) {
		in := &instance{t: t, h: h, ctx: testContext(t), sm: h.New(t)}
		t.Cleanup(in.close)
		if _, err := in.sm.Open(in.ctx, h.options(t.TempDir())); err != nil {
			return
		}
		entries := h.commands(0, 60)
		results, _ := in.sm.Apply(in.ctx, statemachine.Batch{Entries: entries, Through: 60})
		for i, r := range results[:min(len(results), len(entries))] {
			if r.Error != "" {
				t.Fatalf("command %d, %.200q, is refused: %.200q; the kit needs commands that are accepted, in this order, "+
					"in a state that is empty at first: the others of the kit have not run", i+1, entries[i].Data, r.Error)
			}
		}
	})
}

// needs skips the test unless the harness has what it needs.
func needs(t *testing.T, field string, has bool) {
	t.Helper()
	if !has {
		t.Skipf("the harness has no %s", field)
	}
}
