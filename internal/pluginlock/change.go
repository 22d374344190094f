package pluginlock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A change is the one command that writes to a catalog.
type change struct {
	Catalog
	entries []Entry
	lock    io.Closer
}

// change begins one. It waits for no other.
func (c Catalog) change() (*change, error) {
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

// How files are called that have no place yet.
const (
	tempPrefix  = ".new-"
	tempPattern = tempPrefix + "*"
)

// sweep removes what changes have left that were cut short.
func (c *change) sweep() error {
	all, err := os.ReadDir(c.dir) // filepath.Glob takes the directory for a pattern too
	for _, e := range all {
		if strings.HasPrefix(e.Name(), tempPrefix) && e.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(c.dir, e.Name())))
		}
	}
	return err
}

// withdraw removes the file of an entry that did not get into the lock, for which the disk
// may have had no room.
func (c *change) withdraw(e *Entry) {
	now, err := c.Entries()
	if err != nil || slices.ContainsFunc(now, func(o Entry) bool { return o.Path == e.Path }) {
		return
	}
	_ = os.Remove(c.File(e))
	c.prune(filepath.Dir(c.File(e)))
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
