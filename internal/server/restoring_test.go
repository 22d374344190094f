package server

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A Restore that takes nothing and says nothing shows for how long; once it has
// ended nothing shows.
func TestARestoreThatStandsStillIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.install(5, "a", "b", "c")
		stuck := make(chan struct{})
		w.source.current().restore = func(uint64) error {
			<-stuck
			return nil
		}
		w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1})
		synctest.Wait()
		time.Sleep(time.Minute)
		if got := w.s.RestoreStalled(); got.For != time.Minute || got.Index != 5 || got.Read >= got.Bytes {
			t.Errorf("after a minute: %+v", got)
		}
		close(stuck)
		synctest.Wait()
		time.Sleep(time.Minute)
		if got := w.s.RestoreStalled(); got != (RestoreStall{}) {
			t.Errorf("after its end: %+v", got)
		}
		w.wantState("a", "b", "c")
	})
}

// While the storage cannot be read it is not the state machine that stands still.
func TestARestoreThatWaitsForTheStorageStandsNotStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.install(5, "a", "b", "c")
		store := &shyStore{Storage: w.store}
		store.fails.Store(true)
		w.storageIs(store)
		w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1})
		time.Sleep(time.Minute)
		if got := w.s.RestoreStalled(); got.For >= time.Minute {
			t.Errorf("after a minute without a storage: %+v", got)
		}
		store.fails.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantState("a", "b", "c")
	})
}

// shyStore has snapshots whose last bytes cannot be read for a while.
type shyStore struct {
	storage.Storage
	fails atomic.Bool
}

func (s *shyStore) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	r, err := s.Storage.OpenSnapshot(ctx, index)
	if err != nil || !s.fails.Load() {
		return r, err
	}
	return brokenReader{r, io.LimitReader(r, int64(r.Info().Bytes)-8)}, nil
}
