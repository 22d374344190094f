package pluginlock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Difference is one place where the catalog is not what its lock says.
type Difference struct {
	// Path is below the catalog.
	Path string `json:"path"`
	Text string `json:"text"`
}

// Verify reads the file of each version, and compares it with the lock. It returns all
// versions and each difference.
func (c Catalog) Verify() (entries []Entry, all []Difference, err error) {
	if entries, err = c.Entries(); err != nil {
		return nil, nil, err
	}
	known := map[string]bool{lockName: true}
	for i := range entries {
		e := &entries[i]
		known[e.Path] = true
		if err := c.check(e); err != nil {
			all = append(all, Difference{e.Path, strings.TrimPrefix(err.Error(), ErrDamaged.Error()+": ")})
		}
	}
	strays, err := c.strays(known)
	return entries, append(all, strays...), err
}

// check says how the file of an entry is not what the entry says.
func (c Catalog) check(e *Entry) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s: %s; add the same build again to repair it", ErrDamaged, e, fmt.Sprintf(format, args...))
	}
	f, err := os.OpenFile(c.File(e), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return wrong("its file is missing")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return wrong("it is not a regular file")
	case info.Size() != e.Size:
		return wrong("it has %d bytes, and the lock says %d", info.Size(), e.Size)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, e.Size)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != e.SHA256 {
		return wrong("its sha256 is %s, and the lock says %s", got, e.SHA256)
	}
	return nil
}

// strays are files that the lock does not name: a command was cut short, or they were put
// there by hand. No host runs them.
func (c Catalog) strays(known map[string]bool) (all []Difference, err error) {
	err = filepath.WalkDir(c.dir, func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(c.dir, file)
		if path := filepath.ToSlash(rel); err == nil && !known[path] {
			all = append(all, Difference{path, "the lock does not name this file, so that no host runs it; delete it"})
		}
		return err
	})
	return all, err
}
