// Package freespace watches how much room a file system has left.
package freespace

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// maxBytes is the highest floor that makes sense.
const maxBytes = 1 << 60

// margin: a store that is short is well again when a tenth more than the floor
// is free, so that it does not go back and forth with every file that comes and
// goes.
const margin = 10

// Floor is the setting min_free_bytes of a store: below it the store is short
// of space, before the disk is full. It is safe for concurrent use.
type Floor struct {
	fs    vfs.FS
	least int64
	under atomic.Bool // the last look found less
}

// Check refuses, with ErrInvalidConfig, a setting that makes no sense on any
// disk.
func Check(least int64) error {
	if least < 0 || least > maxBytes {
		return fmt.Errorf("%w: min_free_bytes: %d is not between 0 and %d", plugins.ErrInvalidConfig, least, int64(maxBytes))
	}
	return nil
}

// NewFloor refuses, with ErrInvalidConfig, a floor that cannot be watched on
// this disk. With 0 there is none.
func NewFloor(fs vfs.FS, least int64) (*Floor, error) {
	if least == 0 {
		return &Floor{fs: fs}, nil
	}
	if _, err := fs.Free(); errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("%w: min_free_bytes: %w", plugins.ErrInvalidConfig, err)
	}
	return &Floor{fs: fs, least: least}, nil
}

// Space looks at the file system.
func (f *Floor) Space() (storage.Space, error) {
	if f.least == 0 {
		return storage.Space{}, nil
	}
	free, err := f.fs.Free()
	if err != nil {
		return storage.Space{}, fmt.Errorf("free space: %w", err)
	}
	least := f.least
	if f.under.Load() {
		least += least / margin
	}
	short := free < least
	f.under.Store(short)
	if !short {
		return storage.Space{}, nil
	}
	return storage.Space{Short: true, Detail: fmt.Sprintf("%d bytes are free, min_free_bytes is %d", free, f.least)}, nil
}
