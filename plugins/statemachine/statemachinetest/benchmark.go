package statemachinetest

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// benchKeys is how many commands of the series benchmarks go round in.
const benchKeys = 20_000

// RunBenchmarks measures a state machine as a host uses it: batches through the
// pipeline, queries, snapshots. Commands are those of the harness's series, the
// first 20,000 of them over and over; ns/op is per entry.
func RunBenchmarks(b *testing.B, h Harness) {
	for _, size := range []int{1, 64, 256, 1024} {
		b.Run(fmt.Sprintf("Apply/batch=%d", size), func(b *testing.B) { benchmarkApply(b, h, size) })
	}
	if h.Observe != nil {
		b.Run("Observe", func(b *testing.B) {
			in := open(b, h)
			fill(in)
			for b.Loop() {
				in.observe()
			}
		})
	}
	b.Run("Save", func(b *testing.B) {
		in := open(b, h)
		fill(in)
		b.SetBytes(int64(len(in.snapshot())))
		for b.Loop() {
			snap := in.prepare()
			if err := snap.Save(in.ctx, io.Discard); err != nil {
				b.Fatal(err)
			}
			snap.Release()
		}
	})
	b.Run("Restore", func(b *testing.B) {
		in := open(b, h)
		fill(in)
		state := in.snapshot()
		b.SetBytes(int64(len(state)))
		for b.Loop() {
			if err := in.sm.Restore(in.ctx, benchKeys, bytes.NewReader(state)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fill applies benchKeys commands, in batches that a plugin in a process takes.
func fill(in *instance) {
	for in.applied < benchKeys {
		in.advance(min(in.applied+1000, benchKeys))
	}
}

func benchmarkApply(b *testing.B, h Harness, size int) {
	in := open(b, h)
	data := make([][]byte, benchKeys)
	for i := range data {
		data[i] = h.Command(i)
	}
	a := in.applier(in.ctx)
	failed := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for applied := 0; applied < b.N; {
			entries := make([]statemachine.Entry, min(size, b.N-applied))
			for i := range entries {
				entries[i] = statemachine.Entry{Index: uint64(applied + i + 1), Data: data[(applied+i)%benchKeys]}
			}
			applied += len(entries)
			if err := a.Submit(statemachine.Batch{Entries: entries, Through: uint64(applied)}, false); err != nil {
				failed <- err
				return
			}
		}
		failed <- a.Close()
	}()
	for {
		if _, err := a.Recv(); err != nil {
			if err != io.EOF {
				b.Fatal(err)
			}
			break
		}
	}
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
}
