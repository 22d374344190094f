package storagetest

import (
	"errors"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testAppend(t *testing.T) {
	t.Run("NewStoreIsEmpty", func(t *testing.T) {
		rule.Checks(t, "ST-4")
		se := h.start(t)
		se.expectBounds(1, 0, boundary(0, 0))
		if se.state.HardState != (storage.HardState{}) || len(se.state.Snapshots) != 0 {
			t.Errorf("Open of a new store: %+v", se.state)
		}
	})
	t.Run("WhatWasAppendedIsRead", func(t *testing.T) {
		rule.Checks(t, "ST-12", "ST-20")
		se := h.start(t)
		want := append(entries(1, 3, 1), entries(4, 2, 2)...)
		want[1].Data = nil
		want[2].Type = 2
		want[4].Data = make([]byte, 100_000)
		se.append(want[:2]...)
		se.append(want[2:]...)
		se.expectLog(want...)
		se.expectLog(want[2:]...)
	})
	t.Run("ManyBatchesInOneCall", func(t *testing.T) {
		rule.Checks(t, "ST-9")
		se := h.start(t)
		var batches []storage.Batch
		var want []storage.Entry
		for i := uint64(0); i < 100; i++ {
			es := entries(1+3*i, 3, 1+i/10)
			want = append(want, es...)
			batches = append(batches, storage.Batch{Entries: es, MustSync: i%2 == 0})
		}
		se.appendBatches(batches...)
		se.expectLog(want...)
	})
	t.Run("EmptyBatchesAndCalls", func(t *testing.T) {
		rule.Checks(t, "ST-13")
		se := h.start(t)
		se.appendBatches()
		se.appendBatches(storage.Batch{}, storage.Batch{MustSync: true})
		se.append(entries(1, 1, 1)...)
		se.expectLog(entries(1, 1, 1)...)
	})
	t.Run("ReadBounds", h.testReadBounds)
	t.Run("RefusedAppendsChangeNothing", h.testRefusedAppends)
	t.Run("Pipeline", h.testPipeline)
}

func (h Harness) testReadBounds(t *testing.T) {
	rule.Checks(t, "ST-21", "ST-22")
	se := h.start(t)
	se.append(entries(1, 5, 1)...)
	for _, c := range []struct {
		name   string
		lo, hi uint64
		want   error
	}{
		{"index zero", 0, 2, storage.ErrCompacted},
		{"one beyond the end", 1, 7, storage.ErrUnavailable},
		{"all beyond the end", 7, 8, storage.ErrUnavailable},
		{"upside down", 4, 2, plugins.ErrInvalidArgument},
	} {
		if _, err := se.s.Read(se.ctx(), c.lo, c.hi, 1<<20); !errors.Is(err, c.want) {
			t.Errorf("%s: Read [%d,%d) = %v, want %v", c.name, c.lo, c.hi, err, c.want)
		}
	}
	if es, err := se.s.Read(se.ctx(), 3, 3, 1<<20); err != nil || len(es) != 0 {
		t.Errorf("Read [3,3) = %v, %v, want nothing", es, err)
	}
}

func (h Harness) testRefusedAppends(t *testing.T) {
	rule.Checks(t, "ST-14", "ST-16")
	se := h.start(t)
	want := entries(1, 5, 3)
	se.appendBatches(storage.Batch{Entries: want, HardState: storage.HardState{Term: 3, Vote: 1, Commit: 2}, MustSync: true})
	sync := func(es []storage.Entry) storage.Batch { return storage.Batch{Entries: es, MustSync: true} }
	for _, c := range []struct {
		name    string
		batches []storage.Batch
	}{
		{"a gap before the batch", []storage.Batch{sync(entries(7, 1, 3))}},
		{"a gap in the batch", []storage.Batch{sync(append(entries(6, 1, 3), entries(8, 1, 3)...))}},
		{"a repetition in the batch", []storage.Batch{sync(append(entries(6, 1, 3), entries(6, 1, 3)...))}},
		{"a committed entry replaced", []storage.Batch{sync(entries(2, 1, 4))}},
		{"index zero", []storage.Batch{sync(entries(0, 1, 3))}},
		{"term zero", []storage.Batch{sync(entries(6, 1, 0))}},
		{"a falling term", []storage.Batch{sync(entries(6, 1, 2))}},
		{"a falling term in the batch", []storage.Batch{sync(append(entries(6, 1, 5), entries(7, 1, 4)...))}},
		{"commit beyond the log", []storage.Batch{{HardState: storage.HardState{Term: 3, Commit: 6}, MustSync: true}}},
		{"a good batch before a bad one", []storage.Batch{sync(entries(6, 2, 3)), sync(entries(9, 1, 3))}},
		{"a falling term in the next batch", []storage.Batch{sync(entries(6, 2, 7)), sync(entries(7, 1, 6))}},
		{"a commit in the call passed over", []storage.Batch{
			{Entries: entries(6, 2, 3), HardState: storage.HardState{Term: 3, Commit: 7}}, sync(entries(7, 1, 4)),
		}},
	} {
		t.Run(c.name, func(*testing.T) {
			se.refuse(plugins.ErrInvalidArgument, c.batches...)
			se.expectLog(want...)
		})
	}
	se.append(entries(6, 1, 3)...) // the store is still usable
	se.expectLog(append(want, entries(6, 1, 3)...)...)
	se.reopen()
	se.expectLog(append(want, entries(6, 1, 3)...)...)
}

// testPipeline appends as the host does.
func (h Harness) testPipeline(t *testing.T) {
	rule.Checks(t, "ST-9", "ST-19")
	se := h.start(t)
	a, err := storage.OpenAppender(se.ctx(), se.s)
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	sent := make(chan error, 1)
	go func() {
		for i := uint64(1); i <= n; i++ {
			if err := a.Send(storage.Batch{Entries: entries(i, 1, 1), MustSync: true}); err != nil {
				sent <- err
				return
			}
		}
		sent <- a.Close()
	}()
	durable := uint64(0)
	for {
		got, err := a.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("Recv: %v", err)
		}
		if got <= durable {
			t.Fatalf("Recv = %d after %d", got, durable)
		}
		durable = got
	}
	if err := <-sent; err != nil {
		t.Fatalf("Send: %v", err)
	}
	if durable != n {
		t.Fatalf("%d batches were acknowledged, want %d", durable, n)
	}
	se.expectLog(entries(1, n, 1)...)
}
