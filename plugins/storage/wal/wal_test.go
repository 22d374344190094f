package wal

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// smallSegments makes a short log have many segments.
const smallSegments = "segment_bytes: 16384\n"

func testEnv(t testing.TB) backend.Env {
	return backend.Env{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func TestConformanceOnDisk(t *testing.T) {
	for name, cfg := range map[string]string{"Defaults": "", "SmallSegments": smallSegments} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, storagetest.Harness{
				New: func(t testing.TB, _ string) storage.Storage {
					s := New(testEnv(t))
					t.Cleanup(func() { _ = s.Close(context.Background()) })
					return s
				},
				Kill:      func(_ testing.TB, s storage.Storage) { s.(*store).kill() },
				Config:    []byte(cfg),
				ModelRuns: 40,
			})
		})
	}
}

// machines are in-memory file systems by directory.
type machines struct {
	mu sync.Mutex
	by map[string]*vfs.Mem
}

func (m *machines) open(dir string) (vfs.FS, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by[dir] == nil {
		m.by[dir] = vfs.NewMem()
	}
	return m.by[dir], nil
}

// crash replaces the machine that s runs on by what a crash leaves of it.
func (m *machines) crash(s *store, keep vfs.Keep) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir, fs := range m.by {
		if fs == s.journal.fs {
			fs.Halt()
			m.by[dir] = fs.Crash(keep)
		}
	}
}

// wipe puts another machine in a directory's place.
func (m *machines) wipe(_ testing.TB, dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, dir)
}

// fill leaves less free space in a directory than the tests' min_free_bytes, or
// more.
func (m *machines) fill(_ testing.TB, dir string, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	free := int64(1 << 40)
	if full {
		free = 999
	}
	m.by[dir].SetFree(free)
}

// stall makes syncs wait.
func (m *machines) stall(_ testing.TB, dir string) (<-chan struct{}, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stalled, resumed := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(stalled) })
	disk := m.by[dir]
	disk.OnOp(func(op vfs.Op) {
		if op.Kind == vfs.OpSync || op.Kind == vfs.OpSyncAll {
			once()
			<-resumed
		}
	})
	return stalled, func() { disk.OnOp(nil); close(resumed) }
}

// TestConformanceAfterPowerCuts runs the kit with a Kill that takes unsynced
// data away.
func TestConformanceAfterPowerCuts(t *testing.T) {
	random := vfs.KeepRandom(rand.New(rand.NewPCG(1, 2)))
	for name, keep := range map[string]vfs.Keep{"All": vfs.KeepNothing, "Some": random} {
		t.Run(name, func(t *testing.T) {
			m := &machines{by: map[string]*vfs.Mem{}}
			storagetest.Run(t, storagetest.Harness{
				New: func(t testing.TB, _ string) storage.Storage { return newStore(testEnv(t), m.open) },
				Kill: func(_ testing.TB, s storage.Storage) {
					m.crash(s.(*store), keep)
					s.(*store).kill()
				},
				Fill:   m.fill,
				Stall:  m.stall,
				Wipe:   m.wipe,
				Config: []byte(smallSegments + "min_free_bytes: 1000\n"),
			})
		})
	}
}

func BenchmarkStore(b *testing.B) {
	storagetest.RunBenchmarks(b, storagetest.Harness{
		New: func(b testing.TB, _ string) storage.Storage { return New(backend.Env{}) },
	})
}
