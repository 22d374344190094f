package wal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// awaitSpace asks, as a host does, until the store is short for a reason that
// has why in it, or is well if why is empty.
func (w *workload) awaitSpace(t *testing.T, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		sp, err := w.s.Space(ctx)
		if err != nil {
			t.Fatalf("waiting for %q: %v", why, err)
		}
		if sp.Short == (why != "") && strings.Contains(sp.Detail, why) {
			return
		}
		<-ticker.C
	}
}

// TestShortOfSpace: the store is short as soon as the next segment does not
// fit, while half of the present one and the reserve are still to come; it
// stays so while the reserve is gone; and it is well again without an append
// when there is space.
func TestShortOfSpace(t *testing.T) {
	disk := &fullDisk{FS: vfs.NewMem()}
	w := newWorkload(vfs.NewMem())
	var err error
	if w.s, _, err = openOn(disk); err != nil {
		t.Fatal(err)
	}
	w.Store = w.s
	reserve := &w.s.journal.reserve
	if _, err := w.fill(1); err != nil {
		t.Fatal(err)
	}
	for reserve.have.Load() == 0 { // the background's, woken by the append
		wake.Up(w.s.journal.upkeep.wake)
		w.awaitSpace(t, "")
	}
	disk.full.Store(true)
	if n, err := w.fill(3); err != nil {
		t.Fatalf("append %d of the first half of a segment: %v", n, err)
	}
	w.awaitSpace(t, "next log segment")
	if reserve.have.Load() == 0 {
		t.Error("the reserve was spent though the segment is not full")
	}
	// With enough of them the segment after that one is missing as well, which
	// must not hide that the reserve is spent.
	if n, err := w.fill(4); err != nil {
		t.Fatalf("append %d on the reserve: %v", n, err)
	}
	w.awaitSpace(t, "next log segment")
	w.awaitSpace(t, "reserve_bytes")

	disk.full.Store(false)
	w.awaitSpace(t, "")
	if n := reserve.have.Load(); n != minSegmentBytes {
		t.Errorf("with room again %d bytes are set aside", n)
	}
	if err := w.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestNextSegmentIsTriedAgain: a segment that did not fit is made when there is
// room, without an append.
func TestNextSegmentIsTriedAgain(t *testing.T) {
	disk := &fullDisk{FS: vfs.NewMem()}
	w := newWorkload(vfs.NewMem())
	var err error
	if w.s, _, err = openWith(disk, smallSegments+"reserve_bytes: 0\n"); err != nil {
		t.Fatal(err)
	}
	w.Store = w.s
	disk.full.Store(true)
	if n, err := w.fill(3); err != nil {
		t.Fatalf("append %d of the first half of a segment: %v", n, err)
	}
	w.awaitSpace(t, "next log segment")
	disk.full.Store(false)
	w.awaitSpace(t, "")
	if next := w.s.journal.prepare.take(); next == nil {
		t.Error("there is no next segment")
	} else if err := next.retire(); err != nil {
		t.Error(err)
	}
	if err := w.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestMinFreeBytes: the setting is heeded. When exactly a store is well again is
// tested where the floor is.
func TestMinFreeBytes(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	w.config = smallSegments + "min_free_bytes: 1000\n"
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		free  int64
		short bool
	}{{1000, false}, {999, true}, {1099, true}, {1100, false}} {
		w.fs.SetFree(step.free)
		if sp, err := w.s.Space(t.Context()); err != nil || sp.Short != step.short {
			t.Errorf("with %d bytes free: %+v, %v, want short: %t", step.free, sp, err, step.short)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// blindDisk cannot tell how much is free.
type blindDisk struct{ vfs.FS }

func (blindDisk) Free() (int64, error) { return 0, errors.ErrUnsupported }

// TestMinFreeBytesNeedsToBeKnown: a floor that could not be watched is
// refused, and so is one below zero.
func TestMinFreeBytesNeedsToBeKnown(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"1": blindDisk{vfs.NewMem()}, "-1": vfs.NewMem()} {
		s, _, err := openWith(fs, smallSegments+"min_free_bytes: "+name+"\n")
		if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "min_free_bytes") {
			t.Errorf("Open with min_free_bytes %s = %v", name, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s, _, err := openOn(blindDisk{vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	if sp, err := storage.SpaceOf(t.Context(), s); err != nil || sp.Short {
		t.Errorf("without a floor: %+v, %v", sp, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
