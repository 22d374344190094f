package storagetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// RunBenchmarks measures what a host asks of a store most: appends that are
// synced, alone and with others waiting, and reads of what was appended.
func RunBenchmarks(b *testing.B, h Harness) {
	for _, c := range []struct{ batches, entries, size int }{
		{1, 1, 256},
		{1, 64, 256},
		{8, 64, 256},
		{1, 1, 64 << 10},
	} {
		b.Run(fmt.Sprintf("Append/%dx%dx%dB", c.batches, c.entries, c.size), func(b *testing.B) {
			h.benchmarkAppend(b, c.batches, c.entries, c.size)
		})
	}
	b.Run("Pipeline/64x256B", h.benchmarkPipeline)
	b.Run("Read/1MiB", h.benchmarkRead)
}

func (h Harness) benchStore(b *testing.B) storage.Storage {
	dir := newDir(b)
	s := h.New(b, dir)
	_, err := s.Open(b.Context(), plugins.Options{
		Config: h.Config, ClusterID: 1, NodeID: 1, Group: 1, DataDir: dir, Limits: plugins.DefaultLimits(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// renumber gives a batch its indexes; the data stays the same.
func renumber(b *storage.Batch, next uint64) uint64 {
	for i := range b.Entries {
		b.Entries[i].Index = next
		next++
	}
	return next
}

func sizedBatch(n, size int) storage.Batch {
	b := storage.Batch{Entries: make([]storage.Entry, n), MustSync: true}
	data := make([]byte, size)
	for i := range b.Entries {
		b.Entries[i] = storage.Entry{Term: 1, Data: data}
	}
	return b
}

func (h Harness) benchmarkAppend(b *testing.B, batches, n, size int) {
	s := h.benchStore(b)
	call := make([]storage.Batch, batches)
	for i := range call {
		call[i] = sizedBatch(n, size)
	}
	next := uint64(1)
	b.SetBytes(int64(batches * n * size))
	b.ReportAllocs()
	for b.Loop() {
		for i := range call {
			next = renumber(&call[i], next)
		}
		if err := s.Append(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(next-1)/b.Elapsed().Seconds(), "entries/s")
}

// benchmarkPipeline keeps 8 batches in flight.
func (h Harness) benchmarkPipeline(b *testing.B) {
	const window, n, size = 8, 64, 256
	s := h.benchStore(b)
	a, err := storage.OpenAppender(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	ring := make([]storage.Batch, window+1)
	for i := range ring {
		ring[i] = sizedBatch(n, size)
	}
	next, sent, durable := uint64(1), uint64(0), uint64(0)
	b.SetBytes(n * size)
	b.ReportAllocs()
	for b.Loop() {
		for sent-durable >= window {
			if durable, err = a.Recv(); err != nil {
				b.Fatal(err)
			}
		}
		batch := &ring[sent%uint64(len(ring))]
		next = renumber(batch, next)
		if err := a.Send(*batch); err != nil {
			b.Fatal(err)
		}
		sent++
	}
	for durable < sent {
		if durable, err = a.Recv(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(next-1)/b.Elapsed().Seconds(), "entries/s")
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
}

func (h Harness) benchmarkRead(b *testing.B) {
	const n, size = 4096, 256
	s := h.benchStore(b)
	batch := sizedBatch(n/4, size)
	for next := uint64(1); next <= n; {
		next = renumber(&batch, next)
		if err := s.Append(b.Context(), []storage.Batch{batch}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(n * size)
	b.ReportAllocs()
	for b.Loop() {
		if es, err := s.Read(b.Context(), 1, n+1, 2<<20); err != nil || len(es) != n {
			b.Fatal(len(es), err)
		}
	}
}
