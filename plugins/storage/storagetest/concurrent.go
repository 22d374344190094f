package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// testConcurrent does at the same time all that may be done at the same time:
// one goroutine appends, others read, and one saves snapshots and compacts.
func (h Harness) testConcurrent(t *testing.T) {
	rule.Checks(t, "ST-20", "ST-25", "ST-26")
	const total, readers, keep = 600, 2, 50
	se := h.start(t)
	var last atomic.Uint64 // acknowledged
	errs := make(chan error, readers+2)
	done := make(chan struct{})
	ctx := se.ctx()
	var wg sync.WaitGroup

	wg.Go(func() {
		defer close(done)
		for i := uint64(1); i <= total; i += 3 {
			hs := storage.HardState{Term: 1, Commit: i - 1}
			if err := se.s.Append(ctx, []storage.Batch{{Entries: entries(i, 3, 1), HardState: hs, MustSync: true}}); err != nil {
				errs <- fmt.Errorf("append: %w", err)
				return
			}
			last.Store(i + 2)
		}
	})
	for range readers {
		wg.Go(func() {
			for !pause.Over(done) {
				hi := last.Load() + 1
				lo := hi - min(hi-1, keep)
				if err := readBack(se, lo, hi); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Go(func() {
		for !pause.Over(done) {
			index := last.Load()
			if index <= keep {
				continue
			}
			if err := trySave(ctx, se.s, meta(index, 1), false); err != nil {
				errs <- fmt.Errorf("save snapshot %d: %w", index, err)
				return
			}
			if _, err := se.s.Compact(ctx, index-keep); err != nil {
				errs <- fmt.Errorf("compact: %w", err)
				return
			}
		}
	})
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	se.expectLog(entries(total-keep/2, keep/2+1, 1)...)
	se.reopen()
	se.expectLog(entries(total-keep/2, keep/2+1, 1)...)
}

// readBack reads acknowledged entries; they may have been compacted by now.
func readBack(se *session, lo, hi uint64) error {
	got, err := se.s.Read(se.t.Context(), lo, hi, 1<<20)
	if errors.Is(err, storage.ErrCompacted) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read [%d,%d): %w", lo, hi, err)
	}
	want := entries(lo, hi-lo, 1)
	if len(got) != len(want) {
		return fmt.Errorf("read [%d,%d) returned %d entries", lo, hi, len(got))
	}
	for i := range got {
		if !equalEntry(got[i], want[i]) {
			return fmt.Errorf("read [%d,%d): entry %d is %+v", lo, hi, want[i].Index, got[i])
		}
	}
	return nil
}
