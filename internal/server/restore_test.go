package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
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
		w.storageIs(damaged)
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
		w.snapshotAlone()
		w.storageIs(&damagedStore{Storage: w.store, index: 3})
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
		return storagetest.Damaged(r), nil
	}
	return r, err
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

// A state machine writes snapshots that it cannot read. The one that it could be
// restored from is kept, and so is the log after it, however often the next ones are
// tried: there is nothing else that its state can be had from. When it writes one
// that can be read, all is as before.
func TestTheSnapshotThatCouldBeRestoredIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readable := func(index uint64) error {
			if index < 6 || index > 20 {
				return nil
			}
			return statemachine.ErrBadSnapshot
		}
		w := newWorld(t, func(c *Config) {
			c.SnapshotEntries, c.CatchUpEntries = 3, 1
			c.Rehearse = func(_ context.Context, index uint64, r io.Reader) error {
				if _, err := io.Copy(io.Discard, r); err != nil {
					return err
				}
				return readable(index)
			}
		})
		w.source.prepare = func(_ int, m *machine) error {
			m.restore = readable
			return nil
		}
		texts := strings.Split("a b c d e f g", " ")
		w.one(texts...) // snapshots at 3 and 6
		for range 5 {
			w.source.current().Kill()
			time.Sleep(20 * tick)
			synctest.Wait()
			w.wantState(texts...)
			w.one("h")
			texts = append(texts, "h")
			if got := fmt.Sprint(w.snapshots()); got != "[3 6]" || w.firstIndex() != 4 {
				t.Fatalf("snapshots %s and a log from %d on, want [3 6] and 4", got, w.firstIndex())
			}
		}
		if warning := w.warned(WarnSnapshotStalled); !strings.Contains(warning, "cannot be restored") {
			t.Errorf("status says %q", warning)
		}
		for range 12 {
			time.Sleep(longestRetry)
			w.one("i")
			texts = append(texts, "i")
		}
		if got := w.snapshots(); got[len(got)-1] <= 20 || w.warned(WarnSnapshotStalled) != "" {
			t.Errorf("snapshots %v; status says %q", got, w.warned(WarnSnapshotStalled))
		}
		w.source.current().Kill()
		time.Sleep(20 * tick)
		synctest.Wait()
		w.wantState(texts...)
	})
}

// A state machine that dies in a restore, for whatever reason, is restored anew as
// often as it is started, if there is no other way to its state: how often that
// is, is for the one to say who starts it.
func TestASnapshotThatIsTheOnlyWayIsTriedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.install(50, "a", "b")
		left := 2 * restoreTries
		prepare := func(_ int, m *machine) error {
			m.restore = func(uint64) error {
				if left--; left >= 0 {
					return plugins.ErrGone
				}
				return nil
			}
			return nil
		}
		w.source.prepare = prepare
		_ = prepare(0, w.source.current())
		w.s.Restore(storage.SnapshotMetadata{Index: 50, Term: 1})
		time.Sleep(10 * election)
		synctest.Wait()
		if err := w.s.Err(); err != nil {
			t.Fatalf("ended with %v", err)
		}
		w.wantState("a", "b")
	})
}
