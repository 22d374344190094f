package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Name is what a host's configuration calls this backend.
const Name = "memory"

const version = "1.0.0"

// Backend describes the backend to the catalog and to sdk.Serve. All stores
// that it creates in one process share their disks: a store that was closed is
// found again by the next one that opens the same data directory, as long as its
// mark is there. In a directory that was emptied there is another store.
func Backend() backend.Backend {
	r := &room{disks: map[string]*Disk{}}
	return backend.Storage(Name, func(env backend.Env) storage.Storage { return r.newPlugin(env) })
}

// room has the disks of one process by data directory.
type room struct {
	mu    sync.Mutex
	disks map[string]*Disk
}

func (r *room) newPlugin(env backend.Env) *plugin {
	logger := cmp.Or(env.Logger, slog.New(slog.DiscardHandler))
	return &plugin{Store: NewStore(), room: r, logger: logger}
}

// disk returns the disk of a directory: a new one if there is no mark in it, or
// if this process has none and startOver allows that; otherwise false.
func (r *room) disk(dir string, marked, startOver bool) (*Disk, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !marked || startOver && r.disks[dir] == nil {
		r.disks[dir] = NewDisk()
	}
	d, ok := r.disks[dir]
	return d, ok
}

// plugin is a Store with a data directory: a lock and a mark in it, no data.
type plugin struct {
	*Store
	room   *room
	logger *slog.Logger

	mu   sync.Mutex // guards what follows
	fs   vfs.FS
	lock io.Closer
}

var _ storage.Storage = (*plugin)(nil)

// Describe implements storage.Storage.
func (p *plugin) Describe() plugins.Info {
	info := p.Store.Describe()
	info.ConfigSchema = []byte(configSchema)
	return info
}

// Open implements storage.Storage.
func (p *plugin) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	cfg, err := parseConfig(opts.Config)
	if err != nil {
		return storage.State{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lock != nil {
		return storage.State{}, fmt.Errorf("%w: the store is open", plugins.ErrInvalidArgument)
	}
	state, err := p.openLocked(ctx, opts, cfg)
	if err != nil {
		return storage.State{}, fmt.Errorf("open %s: %w", opts.DataDir, errors.Join(err, p.releaseLocked()))
	}
	p.logger.Warn("THIS STORAGE KEEPS NOTHING: log, votes and snapshots are in memory only and end with this "+
		"process. It is for tests. Use another storage backend for data that matters",
		"backend", Name, "node", opts.NodeName, "last_index", state.LastIndex)
	return state, nil
}

func (p *plugin) openLocked(ctx context.Context, opts plugins.Options, cfg config) (storage.State, error) {
	var err error
	if p.fs, err = vfs.OS(opts.DataDir); err != nil {
		return storage.State{}, err
	}
	if p.lock, err = dirlock.Take(p.fs, opts); err != nil {
		return storage.State{}, err
	}
	used, err := hasMark(p.fs)
	if err != nil {
		return storage.State{}, err
	}
	dir, err := filepath.Abs(opts.DataDir)
	if err != nil {
		return storage.State{}, err
	}
	disk, ok := p.room.disk(dir, used, cfg.StartOver)
	if !ok {
		return storage.State{}, fmt.Errorf("%w: the entries and votes of this store ended with the process that had them, "+
			"and a member that forgot a vote must not vote again: remove the member from the cluster, empty the directory "+
			"and add it as a new one, or, to lose all of it, set start_over: true", storage.ErrCorrupt)
	}
	if !used {
		if err := writeMark(p.fs); err != nil {
			return storage.State{}, err
		}
	}
	p.disk = disk
	return p.Store.Open(ctx, opts)
}

// Close implements storage.Storage.
func (p *plugin) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.Store.Close(ctx), p.releaseLocked())
}

func (p *plugin) releaseLocked() error {
	var errs []error
	if p.lock != nil {
		errs = append(errs, p.lock.Close())
	}
	if p.fs != nil {
		errs = append(errs, p.fs.Close())
	}
	p.lock, p.fs = nil, nil
	return errors.Join(errs...)
}
