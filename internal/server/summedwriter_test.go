package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// aNoteWriter takes all, and says what it is told to say.
type aNoteWriter struct{ says storage.SnapshotInfo }

func (w aNoteWriter) Write(p []byte) (int, error)           { return len(p), nil }
func (w aNoteWriter) Commit() (storage.SnapshotInfo, error) { return w.says, nil }
func (w aNoteWriter) Abort() error                          { return nil }

// The word of a storage on the sum of a snapshot is held against what was written. One that
// says none is of before sums. Rule ST-39.
func TestTheSumOfASavedSnapshotIsChecked(t *testing.T) {
	sum, other := sha256.Sum256([]byte("a state")), sha256.Sum256([]byte("another"))
	for name, c := range map[string]struct {
		says  []byte
		taken bool
	}{
		"the sum": {sum[:], true}, "none": {nil, true}, "another one": {other[:], false},
	} {
		w := NewSummedWriter(aNoteWriter{storage.SnapshotInfo{Sha256: c.says}})
		fmt.Fprintf(w, "a %s", "state")
		if w.Sum() != string(sum[:]) {
			t.Errorf("the sum is %x, want %x", w.Sum(), sum)
		}
		if _, err := w.Commit(); (err == nil) != c.taken || !c.taken && !errors.Is(err, plugins.ErrBadAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// missummingStore has another sum for each snapshot.
type missummingStore struct{ storage.Storage }

func (s missummingStore) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	w, err := s.Storage.CreateSnapshot(ctx, meta, received)
	return missummingWriter{w}, err
}

type missummingWriter struct{ storage.SnapshotWriter }

func (w missummingWriter) Commit() (storage.SnapshotInfo, error) {
	info, err := w.SnapshotWriter.Commit()
	info.Sha256 = make([]byte, sha256.Size)
	return info, err
}

// A snapshot of which the storage says another sum has failed: the log is not given up for
// one that no other member would take.
func TestASnapshotOfAnotherSumIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, every(2))
		w.storageIs(missummingStore{w.store})
		w.one("a", "b")
		if got := w.firstIndex(); got != 1 {
			t.Errorf("the log begins at %d, want 1", got)
		}
		if w.s.snapshots.health.failures == 0 {
			t.Error("it counts as saved")
		}
	})
}
