package pebble

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Machines are in-memory file systems by directory: ours beside pebble's.
type Machines struct {
	mu sync.Mutex
	by map[string]*machine
}

type machine struct {
	files *vfs.Mem
	db    *pebblevfs.MemFS
	// stall, if there is one, is called before each sync of pebble's log.
	stall atomic.Pointer[func()]
}

// disk is pebble's file system, with the stall.
func (m *machine) disk() pebblevfs.FS {
	return errorfs.Wrap(m.db, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if stall := m.stall.Load(); stall != nil && strings.HasSuffix(op.Path, ".log") {
				(*stall)()
			}
		}
		return nil
	}))
}

// NewMachines returns none yet.
func NewMachines() *Machines { return &Machines{by: map[string]*machine{}} }

// New returns a store over them.
func (m *Machines) New(env backend.Env) storage.Storage {
	return newStore(env, func(dir string) (vfs.FS, pebblevfs.FS, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.by[dir] == nil {
			m.by[dir] = &machine{files: vfs.NewMem(), db: pebblevfs.NewCrashableMem()}
			// A host makes the directory durable before it starts a plugin.
			if err := MakeDurable(m.by[dir].db, dir); err != nil {
				return nil, nil, err
			}
		}
		return m.by[dir].files, m.by[dir].disk(), nil
	})
}

// Fill makes the disk under a store short of space, or puts an end to that.
func (m *Machines) Fill(_ testing.TB, dir string, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	free := int64(1 << 40)
	if full {
		free = 999
	}
	m.by[dir].files.SetFree(free)
}

// Stall makes syncs of pebble's log wait.
func (m *Machines) Stall(_ testing.TB, dir string) (<-chan struct{}, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stalled, resumed := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(stalled) })
	stall := func() { once(); <-resumed }
	machine := m.by[dir]
	machine.stall.Store(&stall)
	return stalled, func() { machine.stall.Store(nil); close(resumed) }
}

// Wipe puts another machine in a directory's place.
func (m *Machines) Wipe(_ testing.TB, dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, dir)
}

// Crash replaces the machine that a store runs on by what a power cut leaves
// of it.
func (m *Machines) Crash(st storage.Storage) {
	s := st.(*store)
	m.mu.Lock()
	for dir, old := range m.by {
		if vfs.FS(old.files) == s.files {
			db := old.db.CrashClone(pebblevfs.CrashCloneCfg{})
			old.files.Halt()
			m.by[dir] = &machine{files: old.files.Crash(vfs.KeepNothing), db: db}
		}
	}
	m.mu.Unlock()
	_ = s.Close(context.Background()) // of the machine that is gone
}

// NewOn returns a store on these file systems.
func NewOn(env backend.Env, files vfs.FS, db pebblevfs.FS) storage.Storage {
	return newStore(env, func(string) (vfs.FS, pebblevfs.FS, error) { return files, db, nil })
}

// MakeDurable makes a directory whose name a crash does not take away.
func MakeDurable(db *pebblevfs.MemFS, dir string) error {
	if err := db.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for d := dir; ; d = db.PathDir(d) {
		f, err := db.OpenDir(d)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if db.PathDir(d) == d {
			return nil
		}
	}
}
