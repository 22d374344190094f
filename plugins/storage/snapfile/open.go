package snapfile

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// OpenSnapshot opens the snapshot at index, visible or received, or the newest visible
// one for 0. The reader returns io.EOF only if the checksum was right, and goes on when
// the snapshot is removed meanwhile; the caller closes it. Errors: storage.ErrNoSnapshot,
// storage.ErrCorrupt.
func (sh *Shelf) OpenSnapshot(index uint64) (storage.SnapshotReader, error) {
	for {
		found, ok := sh.find(index)
		if !ok {
			return nil, fmt.Errorf("open snapshot %d: %w", index, storage.ErrNoSnapshot)
		}
		f, err := sh.fs.Open(found.name.String())
		if errors.Is(err, fs.ErrNotExist) && sh.moved(index, found) {
			continue // installed, or replaced by newer ones, since it was found
		}
		if err != nil {
			return nil, fmt.Errorf("open snapshot %d: %w", index, err)
		}
		// The file may have been replaced since; this one is what is read.
		if found, err = inspect(f, found.name); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return newReader(f, found), nil
	}
}

// moved reports whether the shelf has something else at index by now.
func (sh *Shelf) moved(index uint64, was file) bool {
	now, ok := sh.find(index)
	return !ok || now.name != was.name
}
