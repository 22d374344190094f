package pluginlock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/pontoon-raft/pontoon/internal/ownership"
)

// lockName is the name of the lock in the catalog.
const lockName = "plugins.lock"

// A Catalog is a directory of plugins. Each method reads the lock anew.
type Catalog struct{ dir string }

// At is the catalog in a directory, which need not exist yet.
func At(dir string) (Catalog, error) {
	if dir == "" {
		return Catalog{}, errors.New("no catalog is configured: set plugins.catalog to its directory")
	}
	dir, err := filepath.Abs(dir)
	return Catalog{dir}, err
}

// Dir is the directory.
func (c Catalog) Dir() string { return c.dir }

// File is where the file of a version lies.
func (c Catalog) File(e *Entry) string { return filepath.Join(c.dir, filepath.FromSlash(e.Path)) }

// Entries are all versions in the order of the lock; none if there is no lock yet.
func (c Catalog) Entries() ([]Entry, error) {
	text, err := c.read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, c.lockPath(), err)
	}
	return entries, nil
}

// Pinned is the version of a plugin that is in use.
func (c Catalog) Pinned(kind, name string) (Entry, error) {
	entries, err := c.Entries()
	if err != nil {
		return Entry{}, err
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Kind == kind && e.Name == name && e.Pinned })
	if i >= 0 {
		return entries[i], nil
	}
	if slices.ContainsFunc(entries, func(e Entry) bool { return e.Kind == kind && e.Name == name }) {
		return Entry{}, fmt.Errorf("no version of %s %s is pinned in %s: choose one with host plugin pin", kind, name, c.lockPath())
	}
	return Entry{}, fmt.Errorf("%s %s is %w %s: add it with host plugin add", kind, name, ErrNotFound, c.dir)
}

func (c Catalog) lockPath() string { return filepath.Join(c.dir, lockName) }

// read returns the text of the lock, if no other user can have written it.
func (c Catalog) read() ([]byte, error) {
	if err := c.trust(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(c.lockPath(), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO has no writer
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrDamaged, c.lockPath())
	}
	if err := mayDecide(c.lockPath(), info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLockBytes+1))
	if err == nil && len(text) > maxLockBytes {
		err = fmt.Errorf("%w: %s has more than %d bytes", ErrDamaged, c.lockPath(), maxLockBytes)
	}
	return text, err
}

// trust refuses a directory that other users can change.
func (c Catalog) trust() error {
	if err := ownership.CheckDir(c.dir); err != nil {
		return err
	}
	info, err := os.Stat(c.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("the catalog %s is not a directory", c.dir)
	}
	return mayDecide(c.dir, info)
}

// mayDecide refuses what another user could write, and so have a host run other code.
func mayDecide(path string, info fs.FileInfo) error {
	if !ownership.Trusted(info) {
		return fmt.Errorf("%s %w, so that it cannot say which plugins are run: run: chown %d %s", path, ownership.ErrForeign, os.Getuid(), path)
	}
	if othersMayWrite(info) {
		return fmt.Errorf("%s can be changed by others (mode %04o), so that it cannot say which plugins are run: run: chmod go-w %s", path, info.Mode().Perm(), path)
	}
	return nil
}
