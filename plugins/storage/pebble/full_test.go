package pebble_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// TestAQuotaIsAFullDiskAtOpen: whether the disk or the user's quota says that there is
// no room, and whichever part of the store meets it, Open answers ErrNoSpace, and the
// next one goes on when there is room.
func TestAQuotaIsAFullDiskAtOpen(t *testing.T) {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		for _, part := range []string{"identity", "database"} {
			files, db, inject := vfs.NewMem(), pebblevfs.NewMem(), errors.New("nothing")
			if part == "identity" {
				files.FailNth(vfs.OpWrite, 1, full)
			} else {
				inject = full
			}
			failing := errorfs.Wrap(db, errorfs.InjectorFunc(func(op errorfs.Op) error {
				creates := []errorfs.OpKind{errorfs.OpCreate, errorfs.OpFileWrite}
				if vfs.IsFull(inject) && slices.Contains(creates, op.Kind) && strings.Contains(op.Path, "MANIFEST") {
					return inject
				}
				return nil
			}))
			create := func() storage.Storage { return pebble.NewOn(testEnv(t), files, failing) }
			if err := openError(t, create, "node"); !errors.Is(err, storage.ErrNoSpace) || !errors.Is(err, full) {
				t.Errorf("%v for the %s: Open = %v, want ErrNoSpace", full, part, err)
			}
			inject = errors.New("nothing")
			if err := openError(t, create, "node"); err != nil {
				t.Errorf("when there is room again: %v", err)
			}
		}
	}
}
