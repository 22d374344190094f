package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// hangingRead is a storage whose log is not read for a while: it neither gives
// entries nor an error.
type hangingRead struct {
	storage.Storage
	over chan struct{}
}

func (h *hangingRead) Read(ctx context.Context, lo, hi, most uint64) ([]storage.Entry, error) {
	select {
	case <-h.over:
		return h.Storage.Read(ctx, lo, hi, most)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hanging is a world whose state machine has all that is in memory, and whose
// rest is being read from a storage that hangs. The outcome is that of a request in
// the last batch before the rest.
func hanging(t *testing.T) (*world, *hangingRead, <-chan ending) {
	w, release := newSlowWorld(t)
	w.commit("1")
	synctest.Wait() // both are at the state machine; later ones go together
	id, outcome := w.propose("2")
	w.commitAs(id, "2")
	w.fill(100)
	store := &hangingRead{Storage: w.store, over: make(chan struct{})}
	w.storageIs(store)
	release()
	synctest.Wait()
	return w, store, outcome
}

// A storage that hangs over the rest keeps no answer back, and the state machine,
// which has answered, is not said to hang.
func TestAReadThatHangsKeepsNoAnswerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store, outcome := hanging(t)
		select {
		case got := <-outcome:
			if got.err != nil {
				t.Errorf("the request ended with %v", got.err)
			}
		default:
			t.Error("a request that the state machine has answered has no answer while the storage hangs")
		}
		time.Sleep(45 * time.Second)
		if stalled := w.s.ApplyStalled(); stalled != 0 {
			t.Errorf("the state machine is said to hang for %v, it is the storage that does not answer", stalled)
		}
		if w.s.unread.Load() == nil {
			t.Error("the member does not say what its state machine waits for")
		}
		close(store.over)
		time.Sleep(10 * election)
		synctest.Wait()
		w.wantState(numbers(w.last)...)
		if n := len(w.source.all()); n != 1 {
			t.Errorf("%d state machines were started, want 1", n)
		}
	})
}

// A state machine that dies while the storage hangs is replaced.
func TestAStateMachineThatDiesWhileAReadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store, _ := hanging(t)
		w.source.current().Kill()
		time.Sleep(3 * tick)
		synctest.Wait()
		if n := len(w.source.all()); n != 2 {
			t.Errorf("%d state machines were started, want 2", n)
		}
		close(store.over)
		time.Sleep(10 * election)
		synctest.Wait()
		w.wantState(numbers(w.last)...)
	})
}

// A member that cannot read what its state machine lacks says so, though the
// state machine runs: it is not ready, and the warning goes when the storage is read.
func TestAMemberSaysThatItsRestCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.fill(100)
		store := w.cannotRead()
		release()
		time.Sleep(30 * time.Second)
		said := func() bool {
			for _, o := range w.s.obstacles() {
				if o.reason == WarnCatchingUp {
					return true
				}
			}
			return false
		}
		if !said() {
			t.Errorf("%d of %d entries are applied, the storage has not been read for 30 s, and the member says only %+v", w.s.Applied(), w.last, w.s.obstacles())
		}
		store.fails.Store(false)
		time.Sleep(10 * election)
		synctest.Wait()
		if said() || w.s.Applied() != w.last {
			t.Errorf("%d of %d entries are applied, and the member says %+v", w.s.Applied(), w.last, w.s.obstacles())
		}
	})
}

// A rest that ends with its generation takes the reason along why it could not
// be read.
func TestARestThatIsGoneIsNotUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.fill(30)
		w.cannotRead()
		release()
		synctest.Wait()
		w.s.queue.mu.Lock()
		w.s.queue.limit = queueBytes
		w.s.queue.mu.Unlock()
		last := w.last
		w.rebuild() // it begins at no commit index: raft puts everything out again
		w.again(1, last)
		w.commit("next")
		time.Sleep(10 * election)
		synctest.Wait()
		if w.s.Applied() != w.last {
			t.Errorf("%d of %d entries are applied", w.s.Applied(), w.last)
		}
		if text := w.s.unread.Load(); text != nil {
			t.Errorf("everything is applied, and the member says: %s", *text)
		}
	})
}
