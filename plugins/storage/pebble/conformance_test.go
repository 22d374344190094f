package pebble_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

func testEnv(t testing.TB) backend.Env {
	return backend.Env{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func TestConformanceOnDisk(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		New: func(t testing.TB, _ string) storage.Storage {
			s := pebble.New(testEnv(t))
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s
		},
		ModelRuns: 20,
	})
}

// TestConformanceAfterPowerCuts runs the kit with a Kill that takes unsynced
// data away.
func TestConformanceAfterPowerCuts(t *testing.T) {
	m := pebble.NewMachines()
	storagetest.Run(t, storagetest.Harness{
		New: func(t testing.TB, _ string) storage.Storage {
			s := m.New(testEnv(t))
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s
		},
		Kill:      func(_ testing.TB, s storage.Storage) { m.Crash(s) },
		Fill:      m.Fill,
		Stall:     m.Stall,
		Wipe:      m.Wipe,
		Config:    []byte("min_free_bytes: 1000"),
		ModelRuns: 20,
	})
}

// processes runs the plugin as a host does: an executable by path and sha256.
type processes struct {
	catalog *catalog.Catalog
	spec    catalog.Spec

	mu sync.Mutex
	by map[storage.Storage]*catalog.Instance
}

// program builds the plugin.
func program(t testing.TB) (path, digest string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pontoon-storage-pebble")
	if out, err := exec.Command("go", "build", "-o", path, "./cmd/pontoon-storage-pebble").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return path, hex.EncodeToString(h.Sum(nil))
}

func newProcesses(t *testing.T) *processes {
	t.Helper()
	path, digest := program(t)
	sockets, err := os.MkdirTemp(shortdir.Parent(), "pb-")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(catalog.Options{Logger: slog.New(slog.DiscardHandler), RuntimeDir: sockets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close catalog: %v", err)
		}
		os.RemoveAll(sockets)
	})
	return &processes{
		catalog: c, by: map[storage.Storage]*catalog.Instance{},
		spec: catalog.Spec{Kind: plugins.Storage, Name: pebble.Name, Command: []string{path}, SHA256: digest},
	}
}

// start leaves the end to the catalog: the kit closes stores in cleanups of its
// own.
func (p *processes) start(t testing.TB) storage.Storage {
	t.Helper()
	slot, err := p.catalog.Slot(p.spec)
	if err != nil {
		t.Fatal(err)
	}
	in, err := slot.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[in.Storage()] = in
	return in.Storage()
}

func (p *processes) kill(s storage.Storage) {
	p.mu.Lock()
	in := p.by[s]
	p.mu.Unlock()
	in.Kill()
	<-in.Done()
}

// TestConformanceAsAProcess is kill -9 of the real executable.
func TestConformanceAsAProcess(t *testing.T) {
	p := newProcesses(t)
	storagetest.Run(t, storagetest.Harness{
		New:       func(t testing.TB, _ string) storage.Storage { return p.start(t) },
		Kill:      func(_ testing.TB, s storage.Storage) { p.kill(s) },
		ModelRuns: 3,
	})
}

func BenchmarkStore(b *testing.B) {
	storagetest.RunBenchmarks(b, storagetest.Harness{
		New: func(b testing.TB, _ string) storage.Storage { return pebble.New(backend.Env{}) },
	})
}
