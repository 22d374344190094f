package pluginlock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A change is the one command that writes to a catalog.
type change struct {
	Catalog
	entries []Entry
	lock    io.Closer
}

// change begins one, and makes the directory if it is missing. It waits for no other.
func (c Catalog) change() (*change, error) {
	if err := vfs.MakeOSDir(c.dir); err != nil {
		return nil, fmt.Errorf("directory of the catalog: %w", err)
	}
	if err := c.trust(); err != nil {
		return nil, err
	}
	lock, err := lockExclusive(c.dir)
	if err != nil {
		return nil, fmt.Errorf("another command changes the catalog %s: wait for that: %w", c.dir, err)
	}
	entries, err := c.Entries()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &change{c, entries, lock}, nil
}

func (c *change) end() { _ = c.lock.Close() }

// write puts the entries into the place of the lock, as a whole or not at all.
func (c *change) write() error {
	text, err := encode(c.entries)
	if err != nil {
		return err
	}
	return place(c.dir, lockName, 0o644, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// tempPattern is how files are called that have no place yet.
const tempPattern = ".new-*"

// sweep removes what changes have left that were cut short.
func (c *change) sweep() error {
	left, err := filepath.Glob(filepath.Join(c.dir, tempPattern))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// place writes a file that is whole, durable and in its place, or not there.
func place(dir, name string, mode os.FileMode, fill func(*os.File) error) (err error) {
	f, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(fill(f), f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return vfs.SyncOSDir(dir)
}
