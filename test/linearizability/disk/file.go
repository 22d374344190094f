//go:build linux

package disk

import (
	"errors"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A file has room for as many bytes as it is long, and for more as long as the
// disk has.
type file struct {
	vfs.File
	disk *FS
}

// WriteAt implements vfs.File.
func (f *file) WriteAt(p []byte, at int64) (int, error) {
	if err := f.grow(at + int64(len(p))); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, at)
}

// Preallocate implements vfs.File.
func (f *file) Preallocate(size int64) error {
	if err := f.grow(size); err != nil {
		return err
	}
	return f.File.Preallocate(size)
}

// Truncate implements vfs.File. A file that is made longer takes no room: nothing
// is written.
func (f *file) Truncate(size int64) error {
	before, err := f.Size()
	if err != nil {
		return err
	}
	if err := f.File.Truncate(size); err != nil || size >= before {
		return err
	}
	return f.disk.room.give(before - size)
}

// Sync implements vfs.File.
func (f *file) Sync() error { return errors.Join(f.disk.stalled.WaitOff(), f.File.Sync()) }

// SyncAll implements vfs.File.
func (f *file) SyncAll() error { return errors.Join(f.disk.stalled.WaitOff(), f.File.SyncAll()) }

func (f *file) grow(to int64) error {
	size, err := f.Size()
	if err != nil || to <= size {
		return err
	}
	return f.disk.room.take(to - size)
}
