package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Identity says whose data a directory holds. Open wants the same in its
// options.
type Identity struct{ ClusterID, NodeID, Group, StoreID uint64 }

// ReadIdentity reads whose data is in dir, which may be in use. The error
// matches fs.ErrNotExist if there is no store, and storage.ErrCorrupt if the
// file is damaged or another backend's.
func ReadIdentity(dir string) (id Identity, err error) {
	fsys, err := vfs.OS(dir)
	if err != nil {
		return Identity{}, err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	read, err := format().Read(fsys)
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", dir, err)
	}
	return Identity{read.Owner.Cluster, read.Owner.Node, read.Owner.Group, read.Store}, nil
}

// NewOffline returns a store that does all that New's does and changes nothing in its
// directory, but for the text of the lock file: it keeps in memory what it would write.
// So Open is the verdict on a log that is not to be touched, and what it recovers can
// be read. It takes the lock as every store does.
func NewOffline(env backend.Env) storage.Storage {
	return newStore(env, func(dir string) (vfs.FS, error) {
		fsys, err := vfs.OS(dir)
		if err != nil {
			return nil, err
		}
		return vfs.Overlay(fsys), nil
	})
}

// Inspection reads a log record by record, whatever its condition. It is used
// by one goroutine.
type Inspection struct {
	fs   vfs.FS
	lock io.Closer
	id   *identity.Identity // nil if it cannot be read
}

// Inspect takes the lock of the store in dir, so that no host writes
// meanwhile. The error is a *storage.LockedError if the store is in use, and
// matches fs.ErrNotExist if dir has no log.
func Inspect(dir string) (_ *Inspection, err error) {
	fsys, err := vfs.OS(dir)
	if err != nil {
		return nil, err
	}
	in := &Inspection{fs: vfs.Overlay(fsys)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("inspect %s: %w", dir, err), in.Close())
		}
	}()
	names, err := in.fs.List(".")
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(names, isSegment) {
		return nil, fmt.Errorf("no segment of a log: %w", fs.ErrNotExist)
	}
	if in.lock, err = dirlock.Take(in.fs, plugins.Options{NodeName: "an offline tool", DataDir: dir}); err != nil {
		return nil, err
	}
	if id, err := format().Read(in.fs); err == nil {
		in.id = &id
	}
	return in, nil
}

// StoreID is the id of the store; 0 if its file cannot be read.
func (in *Inspection) StoreID() uint64 {
	if in.id == nil {
		return 0
	}
	return in.id.Store
}

// Close frees the lock.
func (in *Inspection) Close() error {
	var err error
	if in.lock != nil {
		err = in.lock.Close()
	}
	return errors.Join(err, in.fs.Close())
}
