package storagetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// testInFlight reads while an append waits for its sync: the log is still the one before,
// with all that the append is about to replace.
func (h Harness) testInFlight(t *testing.T) {
	if h.Stall == nil {
		t.Skip("this lane cannot hold up a sync")
	}
	t.Run("Beyond", func(t *testing.T) {
		h.readsInFlight(t, []storage.Batch{{Entries: entries(6, 3, 1), MustSync: true}})
	})
	t.Run("Instead", func(t *testing.T) {
		h.readsInFlight(t, []storage.Batch{{Entries: entries(3, 9, 2), MustSync: true}})
	})
	t.Run("Shorter", func(t *testing.T) {
		h.readsInFlight(t, []storage.Batch{{Entries: entries(3, 1, 2), MustSync: true}})
	})
	t.Run("InSeveralWrites", func(t *testing.T) {
		var batches []storage.Batch
		for i := range uint64(6) {
			large := entries(3+i, 1, 2)
			large[0].Data = make([]byte, 1<<20)
			batches = append(batches, storage.Batch{Entries: large, MustSync: true})
		}
		h.readsInFlight(t, batches)
	})
}

// readsInFlight reads a log of five entries before batches are durable, and after.
func (h Harness) readsInFlight(t *testing.T, batches []storage.Batch) {
	rule.Checks(t, "ST-20", "ST-22")
	se := h.start(t)
	before := entries(1, 5, 1)
	se.append(before...)
	stalled, resume := h.Stall(t, se.opts.DataDir)
	resume = sync.OnceFunc(resume)
	t.Cleanup(resume)
	ctx, done := se.ctx(), make(chan error, 1)
	go func() { done <- se.s.Append(ctx, batches) }()
	select {
	case <-stalled:
	case err := <-done:
		t.Fatalf("Append = %v, without a sync", err)
	case <-ctx.Done():
		t.Fatal("Append syncs nothing")
	}
	overdue := time.AfterFunc(patience, func() {
		t.Error("a Read waits for the append")
		resume()
	})
	defer overdue.Stop()
	se.expectLog(before...)
	resume()
	if err := <-done; err != nil {
		t.Fatalf("Append: %v", err)
	}
	after := before
	for _, b := range batches {
		after = append(slices.Clip(after[:b.Entries[0].Index-1]), b.Entries...)
	}
	se.expectLog(after...)
}
