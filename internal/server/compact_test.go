package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// compactless is a storage that compacts nothing: it fails, or does not answer.
type compactless struct {
	storage.Storage
	fails error // nil if it does not answer
	well  bool
}

func (c *compactless) Compact(ctx context.Context, index uint64) (uint64, error) {
	switch {
	case c.well:
		return c.Storage.Compact(ctx, index)
	case c.fails != nil:
		return 0, c.fails
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

// A storage that does not answer when it is to compact the log shows in status, and is
// given up after a while: snapshots go on.
func TestACompactionThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		store := &compactless{Storage: w.store}
		w.over(store)
		w.one("a", "b", "c", "d", "e", "f") // the third snapshot finds the second one's compaction under way
		if got := w.snapshots(); fmt.Sprint(got) != "[2 4]" {
			t.Fatalf("snapshots %v, want [2 4]: the first one compacts nothing", got)
		}
		time.Sleep(SavePatience(election) - time.Second)
		if warning := w.warned(WarnSnapshotStalled); warning != "" {
			t.Errorf("status says too early: %s", warning)
		}
		time.Sleep(time.Second)
		if warning := w.warned(WarnSnapshotStalled); !strings.Contains(warning, "compact") {
			t.Errorf("status says %q", warning)
		}
		store.well = true
		time.Sleep(saveGivenUp * SavePatience(election))
		synctest.Wait()
		w.one("g", "h")
		if got := w.snapshots(); w.firstIndex() < 5 || w.warned(WarnSnapshotStalled) != "" {
			t.Errorf("snapshots %v, the log begins at %d, status says %q", got, w.firstIndex(), w.warned(WarnSnapshotStalled))
		}
	})
}

// A log that is not compacted after one snapshot and the next shows in status: it grows.
func TestALogThatIsNotCompactedShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		store := &compactless{Storage: w.store, fails: errors.New("no way")}
		w.over(store)
		w.one("a", "b", "c", "d", "e", "f")
		if warning := w.warned(WarnSnapshotStalled); !strings.Contains(warning, "no way") {
			t.Errorf("after %v status says %q", w.snapshots(), warning)
		}
		store.well = true
		w.one("g", "h")
		if warning := w.warned(WarnSnapshotStalled); warning != "" || w.firstIndex() == 1 {
			t.Errorf("the log begins at %d, status says %q", w.firstIndex(), warning)
		}
	})
}
