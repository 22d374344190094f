package server

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// deafSave ignores the errors of its writer.
type deafSave struct{ statemachine.Snapshot }

func (s deafSave) Save(ctx context.Context, w io.Writer) error {
	_ = s.Snapshot.Save(ctx, w)
	return nil
}

// leakyStore loses one write of a snapshot, and takes those that follow.
type leakyStore struct {
	storage.Storage
	at int // the write that fails, from the first after the header
}

type leakyWriter struct {
	storage.SnapshotWriter
	of *leakyStore
}

func (s *leakyStore) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	w, err := s.Storage.CreateSnapshot(ctx, meta, received)
	return leakyWriter{w, s}, err
}

func (w leakyWriter) Write(p []byte) (int, error) {
	if w.of.at--; w.of.at == 0 {
		return 0, storage.ErrNoSpace
	}
	return w.SnapshotWriter.Write(p)
}

// A state machine that does not notice that its writer failed has saved nothing:
// no snapshot is stored, and the log stays whole.
func TestAnErrorThatSaveIgnoresIsNoSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		w.s.mu.Lock()
		w.s.storage = &leakyStore{Storage: w.store, at: 3} // the header is two writes
		w.s.mu.Unlock()
		w.source.current().snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { return deafSave{s} }
		w.one("a", "b")
		if got := w.snapshots(); len(got) != 0 {
			t.Errorf("snapshots %v were stored", fmt.Sprint(got))
		}
		if got := w.firstIndex(); got != 1 {
			t.Errorf("the log begins at %d, want 1", got)
		}
	})
}
