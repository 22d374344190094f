package vfs

import (
	"errors"
	"io/fs"
)

// Replace puts a file of these bytes in place, durably, whole or not at all. temp
// is the name that it has before; a file that stands there is given up.
func Replace(fsys FS, name, temp string, b []byte) error {
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.SyncAll()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return PutInPlace(fsys, temp, name)
}

// PutInPlace gives a synced file its final name, durably.
func PutInPlace(fsys FS, from, to string) error {
	if err := fsys.Rename(from, to); err != nil {
		return err
	}
	return fsys.SyncDir(".")
}
