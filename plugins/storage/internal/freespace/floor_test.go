package freespace

import (
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A store is short below the floor, and well again only from a tenth above it
// on.
func TestSpace(t *testing.T) {
	fs := vfs.NewMem()
	f, err := NewFloor(fs, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		free  int64
		short bool
	}{{1000, false}, {999, true}, {1000, true}, {1099, true}, {1100, false}, {1000, false}, {0, true}} {
		fs.SetFree(step.free)
		sp, err := f.Space()
		if err != nil || sp.Short != step.short || sp.Short != strings.Contains(sp.Detail, "min_free_bytes is 1000") {
			t.Errorf("with %d bytes free: %+v, %v, want short: %t", step.free, sp, err, step.short)
		}
	}
}

// blindDisk cannot tell how much is free.
type blindDisk struct{ vfs.FS }

func (blindDisk) Free() (int64, error) { return 0, errors.ErrUnsupported }

func TestCheck(t *testing.T) {
	for least, ok := range map[int64]bool{-1: false, 0: true, maxBytes: true, maxBytes + 1: false} {
		err := Check(least)
		if ok != (err == nil) || !ok && (!errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "min_free_bytes")) {
			t.Errorf("Check of %d = %v", least, err)
		}
	}
}

// A floor that could not be watched is refused.
func TestTheFloorNeedsToBeKnown(t *testing.T) {
	_, err := NewFloor(blindDisk{vfs.NewMem()}, 1)
	if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "min_free_bytes") {
		t.Errorf("NewFloor = %v", err)
	}
	none, err := NewFloor(blindDisk{vfs.NewMem()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if sp, err := none.Space(); err != nil || sp.Short {
		t.Errorf("without a floor: %+v, %v", sp, err)
	}
}
