package storagetest_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// memoryHarness keeps one disk for each directory name.
func memoryHarness() storagetest.Harness {
	disks := map[string]*storagetest.Disk{}
	return storagetest.Harness{
		New: func(_ testing.TB, dir string) storage.Storage {
			if disks[dir] == nil {
				disks[dir] = storagetest.NewDisk()
			}
			return disks[dir].Store()
		},
		Kill:  func(_ testing.TB, s storage.Storage) { s.(*storagetest.Memory).Kill() },
		Fill:  func(_ testing.TB, dir string, full bool) { fill(disks[dir], full) },
		Stall: func(_ testing.TB, dir string) (<-chan struct{}, func()) { return stall(disks[dir]) },
		Wipe:  func(_ testing.TB, dir string) { delete(disks, dir) },
	}
}

// fill makes a disk of the reference short of space.
func fill(d *storagetest.Disk, full bool) {
	if full {
		d.RunShort("this disk is as small as a test wants it")
	} else {
		d.RunShort("")
	}
}

// stall makes the appends to a disk of the reference wait.
func stall(d *storagetest.Disk) (<-chan struct{}, func()) {
	stalled, resumed := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(stalled) })
	d.OnAppend(func([]storage.Batch) error {
		once()
		<-resumed
		return nil
	})
	return stalled, func() { d.OnAppend(nil); close(resumed) }
}

func TestMemory(t *testing.T) { storagetest.Run(t, memoryHarness()) }

// Rule ST-17.
func TestFailedAppendPoisonsTheStore(t *testing.T) {
	ctx := t.Context()
	s := storagetest.NewMemory()
	opts := plugins.Options{ClusterID: 1, NodeID: 1, Limits: plugins.DefaultLimits()}
	if _, err := s.Open(ctx, opts); err != nil {
		t.Fatal(err)
	}
	batch := func(index uint64) []storage.Batch {
		return []storage.Batch{{Entries: []storage.Entry{{Index: index, Term: 1}}, MustSync: true}}
	}
	if err := s.Append(ctx, batch(1)); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("a broken disk")
	s.Disk().OnAppend(func([]storage.Batch) error { return broken })
	if err := s.Append(ctx, batch(2)); !errors.Is(err, broken) {
		t.Fatalf("Append to a broken disk = %v", err)
	}
	s.Disk().OnAppend(nil)
	if err := s.Append(ctx, batch(2)); !errors.Is(err, plugins.ErrClosed) {
		t.Fatalf("Append to a poisoned store = %v, want ErrClosed", err)
	}
	s.Kill()
	state, err := s.Disk().Store().Open(ctx, opts)
	if err != nil || state.LastIndex != 1 {
		t.Fatalf("Open after it = %+v, %v, want a log that ends at 1", state, err)
	}
}
