package statemachinetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func testApplier(t *testing.T, h Harness) {
	t.Run("outcomes come in the order of batches", func(t *testing.T) { pipelines(t, h) })
	t.Run("a snapshot is of its place in the order", func(t *testing.T) { preparesInOrder(t, h) })
	t.Run("a snapshot of a state that is ahead says so", func(t *testing.T) {
		rule.Checks(t, "SM-9", "SM-30")
		in := open(t, h)
		in.advance(10)
		a := in.applier(in.ctx)
		submit(t, a, statemachine.Batch{Entries: h.commands(4, 8), Through: 8}, true)
		out := recv(t, a)
		if out.Snapshot == nil || out.Snapshot.Index() != 10 || out.Applied != 10 {
			t.Fatalf("the state is of index 10, and the outcome with its snapshot is %+v", out)
		}
		equalState(t, "snapshot of 10", in.fingerprint(in.save(out.Snapshot)), reference(t, h, 10))
		in.finish(a)
	})
	t.Run("entries applied before are skipped", func(t *testing.T) {
		rule.Checks(t, "SM-8")
		in := open(t, h)
		in.advance(10)
		a := in.applier(in.ctx)
		submit(t, a, statemachine.Batch{Entries: h.commands(5, 15), Through: 15}, false)
		out := recv(t, a)
		for i, r := range out.Results {
			if index := 6 + i; r.Skipped != (index <= 10) {
				t.Errorf("entry %d, applied is 10: %+v", index, r)
			}
		}
		in.finish(a)
	})
	t.Run("it ends with its context", func(t *testing.T) {
		in := open(t, h)
		ctx, cancel := context.WithCancel(in.ctx)
		a := in.applier(ctx)
		submit(t, a, statemachine.Batch{Entries: h.commands(0, 5), Through: 5}, false)
		recv(t, a)
		cancel()
		if _, err := a.Recv(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("Recv after the context ended: %v, want an error", err)
		}
		_ = a.Close()
	})
	t.Run("another can be opened after it", func(t *testing.T) {
		rule.Checks(t, "SM-13")
		in := open(t, h)
		for i := uint64(1); i <= 3; i++ {
			a := in.applier(in.ctx)
			submit(t, a, statemachine.Batch{Entries: h.commands(10*(i-1), 10*i), Through: 10 * i}, false)
			recv(t, a)
			in.finish(a)
		}
		in.applied = 30
		equalState(t, "after three appliers", in.state(), reference(t, h, 30))
	})
}

func (in *instance) applier(ctx context.Context) statemachine.Applier {
	in.t.Helper()
	a, err := statemachine.OpenApplier(ctx, in.sm)
	if err != nil {
		in.t.Fatalf("OpenApplier: %v", err)
	}
	return a
}

// finish closes an applier that has no outcomes left.
func (in *instance) finish(a statemachine.Applier) {
	in.t.Helper()
	if err := a.Close(); err != nil {
		in.t.Fatalf("Applier.Close: %v", err)
	}
	if out, err := a.Recv(); !errors.Is(err, io.EOF) {
		in.t.Fatalf("Recv after Close: %+v, %v, want %v", out, err, io.EOF)
	}
}

func submit(t *testing.T, a statemachine.Applier, b statemachine.Batch, prepare bool) {
	t.Helper()
	if err := a.Submit(b, prepare); err != nil {
		t.Fatalf("Submit through %d: %v", b.Through, err)
	}
}

func recv(t *testing.T, a statemachine.Applier) statemachine.Outcome {
	t.Helper()
	out, err := a.Recv()
	if err != nil {
		t.Fatalf("Recv: %v", err)
	}
	return out
}

// pipelines submits as fast as it may while another goroutine receives, and
// closes with outcomes still to come.
func pipelines(t *testing.T, h Harness) {
	rule.Checks(t, "SM-6", "SM-13")
	const batches, size = 100, 7
	in := open(t, h)
	a := in.applier(in.ctx)
	submitted := make(chan error, 1)
	go func() {
		for i := uint64(1); i <= batches; i++ {
			b := statemachine.Batch{Entries: h.commands(size*(i-1), size*i), Through: size * i}
			if err := a.Submit(b, false); err != nil {
				submitted <- fmt.Errorf("submit batch %d: %w", i, err)
				return
			}
		}
		submitted <- a.Close()
	}()
	var results []statemachine.Result
	for i := uint64(1); i <= batches; i++ {
		out := recv(t, a)
		if out.Applied != size*i || len(out.Results) != size || out.Snapshot != nil {
			t.Fatalf("outcome %d: applied %d with %d results, want %d with %d", i, out.Applied, len(out.Results), size*i, size)
		}
		results = append(results, out.Results...)
	}
	if _, err := a.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("Recv after the last outcome: %v, want %v", err, io.EOF)
	}
	if err := <-submitted; err != nil {
		t.Fatal(err)
	}
	plain := open(t, h)
	if !equalResults(results, plain.advance(size*batches)) {
		t.Error("results differ from those of Apply")
	}
	in.applied = size * batches
	equalState(t, "after the pipeline", in.state(), plain.state())
}

// preparesInOrder asks for snapshots in the middle of batches on their way.
func preparesInOrder(t *testing.T, h Harness) {
	rule.Checks(t, "SM-30", "SM-31")
	in := open(t, h)
	a := in.applier(in.ctx)
	go func() {
		for i := uint64(1); i <= 6; i++ {
			b := statemachine.Batch{Entries: h.commands(10*(i-1), 10*i), Through: 10 * i}
			if err := a.Submit(b, i%2 == 0); err != nil {
				return // Recv reports it
			}
		}
		_ = a.Close()
	}()
	var snapshots []statemachine.Snapshot
	for i := uint64(1); i <= 6; i++ {
		out := recv(t, a)
		if asked := i%2 == 0; asked != (out.Snapshot != nil) {
			t.Fatalf("outcome %d: snapshot %v, asked for: %t", i, out.Snapshot, asked)
		}
		if out.Snapshot != nil {
			snapshots = append(snapshots, out.Snapshot)
		}
	}
	for i, snap := range snapshots {
		index := uint64(20 * (i + 1))
		if snap.Index() != index {
			t.Errorf("snapshot %d is of index %d, want %d", i, snap.Index(), index)
		}
		equalState(t, fmt.Sprintf("snapshot of %d", index), in.fingerprint(in.save(snap)), reference(t, h, index))
	}
	if _, err := a.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("Recv after the last outcome: %v, want %v", err, io.EOF)
	}
}
