package storagetest_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// A backend's own test is one call of the kit. Here the backend is the reference, whose
// disks are values; that of a real one is the directory.
func ExampleRun() {
	testConformance := func(t *testing.T) { // func TestConformance(t *testing.T)
		disks := map[string]*storagetest.Disk{}
		storagetest.Run(t, storagetest.Harness{
			New: func(_ testing.TB, dir string) storage.Storage {
				if disks[dir] == nil {
					disks[dir] = storagetest.NewDisk()
				}
				return disks[dir].Store()
			},
			Kill: func(_ testing.TB, s storage.Storage) { s.(*storagetest.Memory).Kill() },
		})
	}
	_ = testConformance
}

// A test of what drives a store lets it die at any point. All acknowledged batches
// are on the disk, and the next store finds them there.
func ExampleDisk() {
	ctx := context.Background()
	options := plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Limits: plugins.DefaultLimits()}
	disk := storagetest.NewDisk()

	first := disk.Store()
	if _, err := first.Open(ctx, options); err != nil {
		log.Fatal(err)
	}
	batch := storage.Batch{
		Entries:   []storage.Entry{{Index: 1, Term: 1, Data: []byte("a")}, {Index: 2, Term: 1, Data: []byte("b")}},
		HardState: storage.HardState{Term: 1, Vote: 1, Commit: 1},
		MustSync:  true,
	}
	if err := first.Append(ctx, []storage.Batch{batch}); err != nil {
		log.Fatal(err)
	}
	first.Kill() // no Close

	second := disk.Store()
	state, err := second.Open(ctx, options)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close(ctx)
	fmt.Printf("entries %d to %d, commit %d\n", state.FirstIndex, state.LastIndex, state.HardState.Commit)
	// Output: entries 1 to 2, commit 1
}

// A backend whose file system can be crashed lets a workload run into a crash, and has
// what is left judged by what the workload was promised.
func ExampleCrashWorkload() {
	ctx := context.Background()
	disk := storagetest.NewDisk()
	open := func() (storage.Storage, storage.State, error) {
		s := disk.Store()
		state, err := s.Open(ctx, plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Limits: plugins.DefaultLimits()})
		return s, state, err
	}

	w := storagetest.NewCrashWorkload(open)
	err := w.Run([]func() error{
		w.Open,
		func() error { return w.Append(true, w.Batch(1, 10, 1, 100)) },
		func() error { return w.Save(5) },
		func() error { return w.Compact(5) },
	})
	if err != nil {
		log.Fatal(err)
	}
	w.Store.(*storagetest.Memory).Kill() // the crash

	promised := w.History.Promised()
	s, state, err := open()
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)
	found, err := storagetest.Examine(s, state)
	if err != nil {
		log.Fatal(err)
	}
	verdict := w.History.Judge(promised, found)
	fmt.Println("lost:", verdict.Lost, "snapshots missing:", len(verdict.Missing))
	// Output: lost: false snapshots missing: 0
}
