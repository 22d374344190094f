package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// A data directory is made for its owner alone. One that others may write to is
// refused with what to do.
func TestDataDirectoryIsItsOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows the mode of a file does not say who may write to it")
	}
	dir := filepath.Join(t.TempDir(), "parent", "data")
	if err := makeDataDir(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("made with %v, %v", info.Mode(), err)
	}
	for mode, refused := range map[os.FileMode]bool{0o700: false, 0o750: false, 0o755: false, 0o770: true, 0o702: true, 0o777: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		err := makeDataDir(dir)
		if refused != errors.Is(err, plugins.ErrInvalidConfig) || (err != nil && !strings.Contains(err.Error(), "chmod 0700 "+dir)) {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
}

// The owner of a directory can replace what is in it, whatever its mode.
func TestDirectoriesOfOtherUsersAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := makeDataDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(dir); !errors.Is(err, plugins.ErrInvalidConfig) || !errors.Is(err, ownership.ErrForeign) {
		t.Errorf("a directory of another user: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(link, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(filepath.Join(link, "data")); !errors.Is(err, ownership.ErrForeign) {
		t.Errorf("below a link of another user: %v", err)
	}
}

// gated is a storage whose Open waits while shut is set.
type gated struct {
	storage.Storage
	shut  *atomic.Bool
	tried chan struct{}
}

func (g gated) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	if g.shut.Load() {
		select {
		case g.tried <- struct{}{}:
		case <-ctx.Done():
		}
		<-ctx.Done()
		return storage.State{}, ctx.Err()
	}
	return g.Storage.Open(ctx, opts)
}

// A data directory is one host's from its start to its stop: a second host does
// not get in while the storage of the first one starts again, whose lock is
// free meanwhile.
func TestASecondHostIsKeptOutWhileTheStorageStartsAgain(t *testing.T) {
	disk := storagetest.NewDisk()
	shut, tried := &atomic.Bool{}, make(chan struct{})
	first := aloneWith(t, func(cfg *Config) {
		cfg.Backends[0] = backend.Storage("memory", func(backend.Env) storage.Storage { return gated{disk.Store(), shut, tried} })
	})
	second := aloneWith(t, func(cfg *Config) {
		cfg.DataDir = first.cfg.DataDir
		cfg.Backends[0] = backend.Storage("memory", func(backend.Env) storage.Storage { return disk.Store() })
	})
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	shut.Store(true)
	disk.OnAppend(func([]storage.Batch) error { return errors.New("input/output error") })
	Service(first).ProposeAsync([]byte("breaks it"), 0, func(server.Result, error) {})
	<-tried
	disk.OnAppend(nil)
	if err := second.Start(t.Context()); !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("host pid %d", os.Getpid())) {
		t.Errorf("the start of a second host: %v", err)
	}
	if err := errors.Join(first.Stop(t.Context()), second.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	third := aloneWith(t, func(cfg *Config) { cfg.DataDir = first.cfg.DataDir; cfg.Backends[0] = second.cfg.Backends[0] })
	if err := errors.Join(third.Start(t.Context()), third.Stop(t.Context())); err != nil {
		t.Errorf("after the stop of the first one: %v", err)
	}
}

// A file of pins that cannot be read ends the start with its name, and with
// nothing worse.
func TestPinsThatCannotBeReadEndTheStart(t *testing.T) {
	h := alone(t)
	if err := os.MkdirAll(filepath.Join(h.cfg.DataDir, datadir.PinsName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err == nil || !strings.Contains(err.Error(), datadir.PinsName) {
		t.Errorf("the start: %v", err)
	}
}
