package storagetest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/mutants"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// TestMutants runs the kit on stores that are sound but for one fault each, in
// a process of its own, and expects that it fails them: in the part of the kit
// that is about that fault, and not only in the model that tries everything.
func TestMutants(t *testing.T) {
	mutants.OnlyParent(t)
	for _, m := range allMutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			mutants.Fails(t, m.name, m.part, "ST")
		})
	}
}

// TestNoMutant: the wrapper that mutants are made of has no fault of its own.
func TestNoMutant(t *testing.T) {
	mutants.OnlyParent(t)
	storagetest.Run(t, mutantHarness(mutant{}))
}

// TestTheModelKeepsTheHostsPromises: the model replaces no entry that a visible snapshot
// holds, and syncs a term, also around a restart that forgets the commit index. Rules ST-11
// and ST-12.
func TestTheModelKeepsTheHostsPromises(t *testing.T) {
	strict := mutantHarness(mutant{append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
		visible, err := m.ListSnapshots(ctx)
		if err != nil {
			return err
		}
		for i := range b {
			if n := len(visible); n > 0 && len(b[i].Entries) > 0 && b[i].Entries[0].Index <= visible[n-1].Metadata.Index {
				return fmt.Errorf("%w: entry %d is replaced, though snapshot %d holds it",
					plugins.ErrInvalidArgument, b[i].Entries[0].Index, visible[n-1].Metadata.Index)
			}
		}
		return m.Memory.Append(ctx, b)
	}})
	forgets := []string{"append(4,1)", "commit(6,7)", "save(14,12)", "kill(0,0)"}
	for _, last := range []string{"replace(0,1)", "overrule(40,2)"} {
		t.Run(last, func(t *testing.T) { strict.RunModel(t, append(forgets, last)...) })
	}
	t.Run("term", func(t *testing.T) { strict.RunModel(t, "append(5,0)", "commit(1,1)", "kill(0,0)") })
}

// TestMutantChild is what the child processes run.
func TestMutantChild(t *testing.T) {
	name := mutants.Child(t)
	for _, m := range allMutants() {
		if m.name == name {
			storagetest.Run(t, mutantHarness(m))
			return
		}
	}
	t.Fatalf("there is no mutant %q", name)
}

// mutantHarness keeps one disk for each directory name, as memoryHarness does.
func mutantHarness(m mutant) storagetest.Harness {
	var mu sync.Mutex
	disks := map[string]*storagetest.Disk{}
	return storagetest.Harness{
		New: func(_ testing.TB, dir string) storage.Storage {
			mu.Lock()
			defer mu.Unlock()
			if disks[dir] == nil {
				disks[dir] = storagetest.NewDisk()
			}
			return &mutantStore{Memory: disks[dir].Store(), fault: m}
		},
		Kill: func(_ testing.TB, s storage.Storage) { s.(*mutantStore).Kill() },
		Fill: func(_ testing.TB, dir string, full bool) {
			mu.Lock()
			defer mu.Unlock()
			fill(disks[dir], full)
		},
		Stall: func(_ testing.TB, dir string) (<-chan struct{}, func()) {
			mu.Lock()
			defer mu.Unlock()
			return stall(disks[dir])
		},
		Wipe: func(_ testing.TB, dir string) {
			mu.Lock()
			defer mu.Unlock()
			if !m.keepsWiped {
				delete(disks, dir)
			}
		},
	}
}

// TestMutantsAreDistinct: a name is what the child is told.
func TestMutantsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range allMutants() {
		if seen[m.name] {
			t.Errorf("two mutants are called %s", m.name)
		}
		seen[m.name] = true
	}
}
