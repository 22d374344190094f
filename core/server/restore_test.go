package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func options() plugins.Options { return plugins.Options{} }

// The contract allows no query during a Restore: one under way is cancelled
// and waited for, a new one is told to come again.
func TestQueriesAndRestoreDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		m := w.source.current()
		querying := 0
		asked := make(chan struct{})
		m.query = func(ctx context.Context) {
			querying++
			close(asked)
			<-ctx.Done()
			time.Sleep(tick) // it takes a while to notice
			querying--
		}
		restoring, go_ := make(chan struct{}), make(chan struct{})
		m.restore = func(uint64) error {
			if querying != 0 {
				t.Error("restore while a query runs")
			}
			close(restoring)
			<-go_
			return nil
		}
		first := make(chan error, 1)
		go func() {
			_, err := w.s.Query(context.Background(), []byte("count"), Stale)
			first <- err
		}()
		<-asked
		w.install(5, "a", "b", "c")
		w.s.Restore(storage.SnapshotMetadata{Index: 5, Term: 1})
		<-restoring
		if err := <-first; !errors.Is(err, ErrNotReady) {
			t.Errorf("the query under way got %v, want %v", err, ErrNotReady)
		}
		if _, err := w.s.Query(context.Background(), []byte("count"), Stale); !errors.Is(err, ErrNotReady) {
			t.Errorf("a query during the restore got %v, want %v", err, ErrNotReady)
		}
		m.query = nil
		close(go_)
		synctest.Wait()
		answer, err := w.s.Query(context.Background(), []byte("count"), Stale)
		if err != nil || string(answer.Data) != "3" || answer.Index != 5 {
			t.Errorf("after the restore: %+v, %v", answer, err)
		}
	})
}

// The newest snapshot cannot be read: an older one and the log do as well.
func TestDamagedSnapshotIsReplacedByAnOlderOneAndTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b", "c", "d", "e")
		synctest.Wait()
		w.snapshot(2, false, "a", "b")
		w.snapshot(4, false, "a", "b", "c", "d")
		if _, err := w.store.Compact(context.Background(), 2); err != nil {
			t.Fatal(err)
		}
		damaged := &damagedStore{Storage: w.store, index: 4}
		w.s.mu.Lock()
		w.s.storage = damaged
		w.s.mu.Unlock()
		w.source.current().Kill()
		time.Sleep(3 * tick)
		synctest.Wait()
		w.wantState("a", "b", "c", "d", "e")
		w.commit("f")
		synctest.Wait()
		w.wantState("a", "b", "c", "d", "e", "f")
		if damaged.opened != 1 {
			t.Errorf("the damaged snapshot was tried %d times", damaged.opened)
		}
	})
}

func TestNoReadableSnapshotIsPermanent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b", "c")
		synctest.Wait()
		w.snapshot(3, false, "a", "b", "c")
		if _, err := w.store.Compact(context.Background(), 3); err != nil {
			t.Fatal(err)
		}
		w.s.mu.Lock()
		w.s.storage = &damagedStore{Storage: w.store, index: 3}
		w.s.mu.Unlock()
		w.source.current().Kill()
		<-w.s.Done()
		if err := w.s.Err(); !errors.Is(err, ErrPermanent) || !errors.Is(err, storage.ErrCompacted) {
			t.Errorf("ended with %v", err)
		}
	})
}

// damagedStore has one snapshot whose end does not match its checksum.
type damagedStore struct {
	storage.Storage
	index  uint64
	opened int
}

func (s *damagedStore) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	r, err := s.Storage.OpenSnapshot(ctx, index)
	if err == nil && index == s.index {
		s.opened++
		return damagedReader{r}, nil
	}
	return r, err
}

type damagedReader struct{ storage.SnapshotReader }

func (r damagedReader) Read(b []byte) (int, error) {
	n, err := r.SnapshotReader.Read(b)
	if errors.Is(err, io.EOF) {
		err = storage.ErrCorrupt
	}
	return n, err
}

// A state machine may be unable to read what is sound on disk: the older
// snapshot and the log do as well, and a new snapshot is taken soon, for this member has
// nothing else to give to others.
func TestASnapshotThatCannotBeRestoredIsReplacedByAnOlderOneAndTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		tries int32
	}{
		"called bad at once":               {statemachine.ErrBadSnapshot, 1},
		"failed over, for any reason":      {errors.New("out of memory"), restoreTries},
		"the machine dies over every time": {plugins.ErrGone, restoreTries},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, every(3))
				w.one("a", "b", "c", "d", "e", "f", "g") // snapshots at 3 and 6
				if got := w.firstIndex(); got != 4 {
					t.Errorf("the log begins at %d, want 4: behind the older snapshot", got)
				}
				var tries atomic.Int32
				w.source.prepare = func(_ int, m *machine) error {
					m.restore = func(index uint64) error {
						if index == 6 {
							tries.Add(1)
							return c.err
						}
						return nil
					}
					return nil
				}
				w.source.current().Kill()
				time.Sleep(20 * tick)
				synctest.Wait()
				w.wantState("a", "b", "c", "d", "e", "f", "g")
				if n := tries.Load(); n != c.tries {
					t.Errorf("the snapshot was tried %d times, want %d", n, c.tries)
				}
				w.one("h")
				if got := w.snapshots(); got[len(got)-1] < 7 {
					t.Errorf("snapshots %v: no new one was taken", got)
				}
				w.wantState("a", "b", "c", "d", "e", "f", "g", "h")
			})
		})
	}
}

// Without any snapshot that can be restored, and without the log, the member
// cannot help itself, and its last words say who can.
func TestNoRestorableSnapshotNamesTheWayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		w.one("a", "b", "c", "d", "e")
		w.source.prepare = func(_ int, m *machine) error {
			m.restore = func(uint64) error { return statemachine.ErrBadSnapshot }
			return nil
		}
		w.source.current().Kill()
		<-w.s.Done()
		err := w.s.Err()
		if !errors.Is(err, ErrPermanent) || !errors.Is(err, storage.ErrCompacted) || !strings.Contains(err.Error(), "from the leader") {
			t.Errorf("ended with %v", err)
		}
	})
}
