package statemachinetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// patience turns a hang into a failure. Nothing depends on it being short.
const patience = time.Minute

// identity of the node that the kit plays.
const (
	testCluster = 0xc1
	testNode    = 0x0d
)

// instance is one open state machine, and the log that drives it: the entry at
// index i of the log is command i-1 of the harness's series.
type instance struct {
	t       testing.TB
	h       Harness
	ctx     context.Context
	sm      statemachine.StateMachine
	applied uint64
}

// options are those of an ordinary Open.
func (h Harness) options(dir string) plugins.Options {
	return plugins.Options{
		Config:      h.Config,
		ClusterID:   testCluster,
		NodeID:      testNode,
		NodeName:    "n1",
		Group:       1,
		Incarnation: 1,
		DataDir:     dir,
		Limits:      plugins.DefaultLimits(),
		Tick:        100 * time.Millisecond,
		Election:    time.Second,
	}
}

// testContext ends with the test, or when it hangs.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// open returns a new state machine with an empty state.
func open(t testing.TB, h Harness) *instance {
	t.Helper()
	in := openIn(t, h, h.options(t.TempDir()))
	if in.applied != 0 {
		t.Fatalf("Open of an empty data dir = %d, want 0", in.applied)
	}
	return in
}

func openIn(t testing.TB, h Harness, opts plugins.Options) *instance {
	t.Helper()
	in := &instance{t: t, h: h, ctx: testContext(t), sm: h.New(t)}
	t.Cleanup(func() { in.close() })
	applied, err := in.sm.Open(in.ctx, opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	in.applied = applied
	return in
}

// close is for cleanups; errors of Close are a test of their own.
func (in *instance) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = in.sm.Close(ctx)
}

// commands are the entries (from, through] of the log.
func (h Harness) commands(from, through uint64) []statemachine.Entry {
	entries := make([]statemachine.Entry, 0, through-from)
	for i := from; i < through; i++ {
		entries = append(entries, statemachine.Entry{Index: i + 1, Data: h.Command(int(i))})
	}
	return entries
}

// apply applies any batch and checks the form of the answer.
func (in *instance) apply(b statemachine.Batch) []statemachine.Result {
	in.t.Helper()
	results, err := in.sm.Apply(in.ctx, b)
	if err != nil {
		in.t.Fatalf("Apply of %d entries through %d: %v", len(b.Entries), b.Through, err)
	}
	if len(results) != len(b.Entries) {
		in.t.Fatalf("Apply of %d entries through %d gave %d results", len(b.Entries), b.Through, len(results))
	}
	in.applied = max(in.applied, b.Through)
	return results
}

// advance applies the log up to through in one batch; all must be accepted.
func (in *instance) advance(through uint64) []statemachine.Result {
	in.t.Helper()
	entries := in.h.commands(in.applied, through)
	results := in.apply(statemachine.Batch{Entries: entries, Through: through})
	for i, r := range results {
		if r.Error != "" || r.Skipped {
			in.t.Fatalf("command at index %d: %+v, want it accepted", entries[i].Index, r)
		}
	}
	return results
}

// prepare prepares a snapshot and checks its index.
func (in *instance) prepare() statemachine.Snapshot {
	in.t.Helper()
	snap, err := in.sm.PrepareSnapshot(in.ctx)
	if err != nil {
		in.t.Fatalf("PrepareSnapshot at %d: %v", in.applied, err)
	}
	if snap.Index() != in.applied {
		in.t.Fatalf("PrepareSnapshot at %d gave a snapshot of index %d", in.applied, snap.Index())
	}
	return snap
}

// save returns a prepared snapshot's bytes and releases it.
func (in *instance) save(snap statemachine.Snapshot) []byte {
	in.t.Helper()
	defer snap.Release()
	var buf bytes.Buffer
	if err := snap.Save(in.ctx, &buf); err != nil {
		in.t.Fatalf("Save of snapshot %d: %v", snap.Index(), err)
	}
	return buf.Bytes()
}

// snapshot returns the present state.
func (in *instance) snapshot() []byte {
	in.t.Helper()
	return in.save(in.prepare())
}

// restore replaces the state.
func (in *instance) restore(index uint64, snapshot []byte) {
	in.t.Helper()
	if err := in.sm.Restore(in.ctx, index, bytes.NewReader(snapshot)); err != nil {
		in.t.Fatalf("Restore of snapshot %d, %d bytes: %v", index, len(snapshot), err)
	}
	in.applied = index
}

// fingerprint is what two replicas must agree on.
func (in *instance) fingerprint(snapshot []byte) string {
	in.t.Helper()
	if in.h.Fingerprint == nil {
		return string(snapshot)
	}
	text, err := in.h.Fingerprint(snapshot)
	if err != nil {
		in.t.Fatalf("Fingerprint of a snapshot of %d bytes: %v", len(snapshot), err)
	}
	return text
}

// state is the fingerprint of the present state.
func (in *instance) state() string {
	in.t.Helper()
	return in.fingerprint(in.snapshot())
}

// observe reads the state by Query.
func (in *instance) observe() string {
	in.t.Helper()
	text, err := in.h.Observe(in.ctx, in.sm)
	if err != nil {
		in.t.Fatalf("Observe at %d: %v", in.applied, err)
	}
	return text
}

// reference returns the state after the first through entries of the log, made
// in one batch on an instance of its own.
func reference(t testing.TB, h Harness, through uint64) string {
	t.Helper()
	in := open(t, h)
	in.advance(through)
	return in.state()
}

// brief shortens a state for a message.
func brief(state string) string {
	if len(state) > 64 {
		return state[:64] + "…"
	}
	return state
}

// equalResults reports whether two runs agree.
func equalResults(a, b []statemachine.Result) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Data, b[i].Data) || a[i].Error != b[i].Error || a[i].Skipped != b[i].Skipped || a[i].LeftOut != b[i].LeftOut {
			return false
		}
	}
	return true
}

// equalState fails the test if two states differ.
func equalState(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: state of %d bytes %q, want %d bytes %q", what, len(got), brief(got), len(want), brief(want))
	}
}
