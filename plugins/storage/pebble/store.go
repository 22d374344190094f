package pebble

import (
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Name is what the plugin calls itself.
const Name = "pebble"

const version = "1.0.0"

// Backend describes the backend to sdk.Serve.
func Backend() backend.Backend { return backend.Storage(Name, New) }

// New returns a store that is not open yet. It keeps its data in the data
// directory given to Open and nowhere else. It ends the process when pebble
// cannot write its log, so it belongs into a process of its own.
func New(env backend.Env) storage.Storage {
	return newStore(env, func(dir string) (vfs.FS, pebblevfs.FS, error) {
		fsys, err := vfs.OS(dir)
		return fsys, pebblevfs.Default, err
	})
}

// openFunc opens the file systems of a directory: ours, rooted in it, and
// pebble's.
type openFunc func(dir string) (vfs.FS, pebblevfs.FS, error)

// store is a shell around a database.
type store struct {
	*shell.Store
	files vfs.FS // both are those of the last Open
	db    pebblevfs.FS
}

func newStore(env backend.Env, open openFunc) *store {
	s := &store{}
	s.Store = shell.New(env.Logger, shell.Backend{
		Info: plugins.Info{
			Kind: plugins.Storage, Name: Name, Version: version,
			Protocols: []uint32{plugins.ProtocolVersion}, ConfigSchema: []byte(configSchema),
			Capabilities: []plugins.Capability{storage.CapabilitySpace},
		},
		Identity:  format(),
		Stray:     strange,
		Configure: s.configure,
		OpenFS: func(dir string) (_ vfs.FS, err error) {
			s.files, s.db, err = open(dir)
			return s.files, err
		},
	})
	return s
}

// configure reads the config section.
func (s *store) configure(section []byte) (shell.Recover, error) {
	cfg, err := parseConfig(section)
	if err != nil {
		return nil, err
	}
	return func(p shell.Place) (shell.Log, storage.State, error) { return openDatabase(p, s.db, cfg) }, nil
}

// database is the log: keys of pebble, and the state they amount to.
//
// Locks, in the order in which they are taken: writing, mu.
type database struct {
	fs     vfs.FS
	cache  *pebble.Cache
	db     *pebble.DB
	limits plugins.Limits
	floor  *freespace.Floor
	poison shell.Poison

	// writing serialises everything that changes the log.
	writing sync.Mutex
	// mu guards state and seen, which change together, with writing held as well.
	mu    sync.RWMutex
	state logstate.State
	// seen is the log that readers see. pebble itself shows a write before its sync is
	// done, and a crash may take such a write away.
	seen *pebble.Snapshot
}

var _ shell.Log = (*database)(nil)

// beginWriting takes writing, for a call that changes the log: a failure of the one
// before it has poisoned the store.
func (d *database) beginWriting() error {
	d.writing.Lock()
	if err := d.poison.Health(); err != nil {
		d.writing.Unlock()
		return err
	}
	return nil
}

// fail poisons the store and returns the error for the call that met it.
func (d *database) fail(err error) error { return d.poison.Fail(damaged(err)) }

// Commit implements shell.Log.
func (d *database) Commit() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.state.Hard.Commit
}

// CheckSnapshot implements shell.Log.
func (d *database) CheckSnapshot(index, term uint64) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.state.CheckSnapshot(index, term)
}

// Space implements shell.Log.
func (d *database) Space() (storage.Space, error) { return d.floor.Space() }

// Begin implements shell.Log. pebble's own background work began when it was opened.
func (d *database) Begin() {}

// Close implements shell.Log.
func (d *database) Close() error {
	var errs []error
	if d.seen != nil {
		errs = append(errs, d.seen.Close())
	}
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	if d.cache != nil {
		d.cache.Unref()
	}
	d.seen, d.db, d.cache = nil, nil, nil
	return errors.Join(errs...)
}
