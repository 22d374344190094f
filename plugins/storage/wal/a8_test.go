package wal

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// The last fsync of a store fails: Close says so and frees the lock all the same.
// The next store opens at once, in the same process, and has all that was
// acknowledged. It goes so fifty times.
func TestA8TheLastSyncFailsAndTheLockGoes(t *testing.T) {
	const rounds = 50
	fs := vfs.NewMem()
	w := newWorkload(fs)
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(rounds) {
		if err := w.Append(true, w.Batch(3*i+1, 3, 1, 10)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := openOn(fs); err == nil {
			t.Fatal("a second store opens: there is no lock, and the test shows nothing")
		}
		fs.FailNth(vfs.OpSync, 1, syscall.EIO)
		if err := w.s.Close(context.Background()); !errors.Is(err, syscall.EIO) {
			t.Errorf("Close with a failed fsync = %v, want %v", err, syscall.EIO)
		}
		s, state, err := openOn(fs)
		if err != nil {
			t.Fatalf("the next store: %v", err)
		}
		if state.LastIndex != 3*(i+1) {
			t.Errorf("its log ends at %d, want %d", state.LastIndex, 3*(i+1))
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := w.Open(); err != nil {
			t.Fatalf("the store after it: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
