package server

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// mute is a storage that does not answer one kind of question, the first time that it
// is asked.
type mute struct {
	storage.Storage
	to    string
	asked int
}

// wait waits for the end of the first question of a kind.
func (m *mute) wait(ctx context.Context, kind string) error {
	if m.to != kind {
		return nil
	}
	if m.asked++; m.asked > 1 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (m *mute) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	if err := m.wait(ctx, "list snapshots"); err != nil {
		return nil, err
	}
	return m.Storage.ListSnapshots(ctx)
}

func (m *mute) Read(ctx context.Context, lo, hi, most uint64) ([]storage.Entry, error) {
	if err := m.wait(ctx, "read entries"); err != nil {
		return nil, err
	}
	return m.Storage.Read(ctx, lo, hi, most)
}

func (m *mute) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if err := m.wait(ctx, "open snapshot"); err != nil {
		return nil, err
	}
	r, err := m.Storage.OpenSnapshot(ctx, index)
	if err != nil {
		return nil, err
	}
	return &muteReader{r, m, ctx, 0}, nil
}

type muteReader struct {
	storage.SnapshotReader
	m    *mute
	ctx  context.Context
	read int
}

func (r *muteReader) Read(b []byte) (int, error) {
	if r.read > 0 { // what it has given is not given twice
		if err := r.m.wait(r.ctx, "read snapshot"); err != nil {
			return 0, err
		}
	}
	n, err := r.SnapshotReader.Read(b[:min(len(b), 8)])
	r.read += n
	return n, err
}

// However a storage hangs while a state machine is brought to the applied index, the
// member says what it waits for, and asks again after a while.
func TestAQuestionThatIsNotAnsweredIsAskedAgain(t *testing.T) {
	for _, kind := range []string{"list snapshots", "open snapshot", "read snapshot", "read entries"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.commit("a", "b", "c", "d")
				synctest.Wait()
				w.snapshot(3, false, "a", "b", "c")
				if _, err := w.store.Compact(context.Background(), 3); err != nil {
					t.Fatal(err)
				}
				store := &mute{Storage: w.store, to: kind}
				w.over(store)
				w.source.current().Kill()
				time.Sleep(3*tick + election)
				synctest.Wait()
				if text := w.s.catchingUp(); !strings.Contains(text, kind) || w.s.Ready() == nil {
					t.Errorf("the member is ready: %v, and says %q", w.s.Ready() == nil, text)
				}
				time.Sleep(storageLimit(election) + 10*election)
				synctest.Wait()
				w.wantState("a", "b", "c", "d")
				if store.asked < 2 {
					t.Errorf("it was asked %d times", store.asked)
				}
				if n := len(w.source.all()); n != 2 {
					t.Errorf("%d state machines were started, want 2", n)
				}
				if text := w.s.unread.Load(); text != nil {
					t.Errorf("everything is applied, and the member says: %s", *text)
				}
			})
		})
	}
}

// A state machine that dies while the log that it is to replay is not read is replaced
// at once.
func TestAStateMachineThatDiesBeforeItsReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a", "b")
		synctest.Wait()
		w.over(&hangingRead{Storage: w.store, over: make(chan struct{})})
		w.source.current().Kill()
		time.Sleep(3 * tick)
		w.source.current().Kill()
		time.Sleep(3 * tick)
		synctest.Wait()
		if n := len(w.source.all()); n != 3 {
			t.Errorf("%d state machines were started, want 3", n)
		}
		w.over(w.store)
		time.Sleep(storageLimit(election) + 10*election)
		synctest.Wait()
		w.wantState("a", "b")
	})
}
