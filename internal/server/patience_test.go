package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A state machine that cannot be given the log, because the storage does not
// read it, has done nothing wrong: it is not ended, which would count for its
// crash-loop limit and end the host for good. The member says what it waits
// for, and goes on with the same state machine.
func TestStorageThatCannotBeReadEndsNoStateMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		store := &unreadable{Storage: w.store}
		store.fails.Store(true)
		w.rebuildOver(store)
		w.source.current().Kill() // once: its successor has to replay
		<-time.After(30 * time.Second)
		if n := len(w.source.all()); n != 2 {
			t.Errorf("%d state machines were started within 30 s in which the storage could not be read, want 2", n)
		}
		if n := store.tries.Load(); n < 5 || n > 20 {
			t.Errorf("the storage was asked %d times within 30 s, want growing pauses", n)
		}
		if text := w.s.catchingUp(); !strings.Contains(text, "read entries [1,2]: input/output error") {
			t.Errorf("the member says %q, want the storage's error", text)
		}
		store.fails.Store(false)
		<-time.After(5*election + tick)
		w.wantState("a", "b")
		if n := len(w.source.all()); n != 2 {
			t.Errorf("%d state machines were started in all, want 2", n)
		}
	})
}

// A storage that comes back is asked at once, not after the pause.
func TestAnotherStorageIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		store := &unreadable{Storage: w.store}
		store.fails.Store(true)
		w.rebuildOver(store)
		w.source.current().Kill()
		<-time.After(30 * time.Second)
		w.rebuild()
		synctest.Wait() // no time passes
		w.wantState("a", "b")
	})
}

// A snapshot that cannot be read to its end is opened again, and the state
// machine gets the rest of it: a failed Restore would end it.
func TestRestoreGoesOnWhereTheStorageFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.snapshotAlone()
		store := &brokenOff{Storage: w.store, times: 3}
		w.storageIs(store)
		w.source.current().Kill()
		<-time.After(30 * time.Second)
		w.wantState("a", "b", "c")
		if n := len(w.source.all()); n != 2 {
			t.Errorf("%d state machines were started, want 2", n)
		}
		if store.times != 0 {
			t.Errorf("the snapshot is to break off %d times more: this shows nothing", store.times)
		}
	})
}

// A snapshot that is replaced by another one of its index while a state machine reads it is not
// gone on with: the state machine would have a part of each. The next one gets the new one.
func TestARestoreDoesNotGoOnWithAnotherSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.snapshotAlone()
		broken := &brokenOff{Storage: w.store, times: 1}
		w.storageIs(broken)
		broken.replace = func() { w.snapshot(3, false, "x", "y", "z") }
		w.source.current().Kill()
		<-time.After(30 * time.Second)
		w.wantState("x", "y", "z")
		if n := len(w.source.all()); n != 3 {
			t.Errorf("%d state machines were started, want 3", n)
		}
	})
}

// snapshotAlone applies a, b and c, and leaves a snapshot of them and no log before it.
func (w *world) snapshotAlone() {
	w.t.Helper()
	w.commit("a", "b", "c")
	synctest.Wait()
	w.snapshot(3, false, "a", "b", "c")
	if _, err := w.store.Compact(context.Background(), 3); err != nil {
		w.t.Fatal(err)
	}
}

// storageIs puts another storage in the place of the present one.
func (w *world) storageIs(st storage.Storage) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.storage = st
}

// rebuildOver is a new generation over another storage.
func (w *world) rebuildOver(st storage.Storage) {
	w.t.Helper()
	w.s.Detach(ErrStorageRestart)
	w.s.Attach(w.node, st, 0, nil)
}

// unreadable is a storage whose log cannot be read for a while.
type unreadable struct {
	storage.Storage
	fails atomic.Bool
	tries atomic.Int32
}

// cannotRead puts a storage that cannot be read in the place of that of the world.
func (w *world) cannotRead() *unreadable {
	u := &unreadable{Storage: w.store}
	u.fails.Store(true)
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.storage = u
	return u
}

func (u *unreadable) Read(ctx context.Context, lo, hi, most uint64) ([]storage.Entry, error) {
	u.tries.Add(1)
	if u.fails.Load() {
		return nil, errors.New("input/output error")
	}
	return u.Storage.Read(ctx, lo, hi, most)
}

// brokenOff is a storage whose snapshots break off so many times, each time
// some bytes later.
type brokenOff struct {
	storage.Storage
	times, opened int
	replace       func() // replaces the snapshot that breaks off; may be nil
}

func (b *brokenOff) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	r, err := b.Storage.OpenSnapshot(ctx, index)
	if err != nil || b.times == 0 {
		return r, err
	}
	b.times--
	b.opened++
	most := int64(r.Info().Bytes) - 8 + int64(b.opened)
	if b.replace != nil {
		content, err := io.ReadAll(r) // an open file keeps it
		b.replace()
		return brokenReader{r, io.LimitReader(bytes.NewReader(content), most+3)}, err
	}
	return brokenReader{r, io.LimitReader(r, most)}, nil
}

type brokenReader struct {
	storage.SnapshotReader
	some io.Reader
}

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.some.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("input/output error")
	}
	return n, err
}
