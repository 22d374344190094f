package pluginlock

import (
	"context"
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

// maxStrays is how many files are named that the lock does not name.
const maxStrays = 1000

// Verify reads the file of each version, and compares it with the lock. It returns all
// versions and each difference. It ends with the context.
func (c Catalog) Verify(ctx context.Context) (entries []Entry, all []Difference, err error) {
	if entries, err = c.Entries(); err != nil {
		return nil, nil, err
	}
	for i := range entries {
		e := &entries[i]
		if err := c.check(ctx, e); ctx.Err() != nil {
			return nil, nil, ctx.Err()
		} else if err != nil {
			all = append(all, Difference{e.Path, strings.TrimPrefix(err.Error(), ErrDamaged.Error()+": ")})
		}
	}
	strays, err := c.strays(ctx)
	return entries, append(all, strays...), err
}

// A reader is one that ends with a context.
type reader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// check says how the file of an entry is not what the entry says.
func (c Catalog) check(ctx context.Context, e *Entry) error {
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
	case !mayBeExecuted(info):
		return wrong("its mode %04o lets no user execute it", info.Mode().Perm())
	case info.Size() != e.Size:
		return wrong("it has %d bytes, and the lock says %d", info.Size(), e.Size)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, reader{ctx, io.LimitReader(f, e.Size)}); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != e.SHA256 {
		return wrong("its sha256 is %s, and the lock says %s", got, e.SHA256)
	}
	return nil
}

// strays are files that the lock does not name: a command was cut short, or they were put
// there by hand. No host runs them. Files of a command that is at work would look the same.
func (c Catalog) strays(ctx context.Context) ([]Difference, error) {
	all, err := c.unnamed(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	still, err := lockShared(c.dir)
	if err != nil {
		return nil, fmt.Errorf("another command changes the catalog %s: wait for that: %w", c.dir, err)
	}
	defer still.Close()
	return c.unnamed(ctx)
}

// unnamed is strays, whether or not a command is at work.
func (c Catalog) unnamed(ctx context.Context) (all []Difference, err error) {
	entries, err := c.Entries()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{lockName: true}
	for i := range entries {
		known[entries[i].Path] = true
	}
	err = filepath.WalkDir(c.dir, func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(c.dir, file)
		if path := filepath.ToSlash(rel); err == nil && !known[path] {
			all = append(all, Difference{path, "the lock does not name this file, so that no host runs it; delete it"})
		}
		if len(all) == maxStrays {
			all[maxStrays-1].Text += "; there may be more files of this kind"
			return fs.SkipAll
		}
		return err
	})
	return all, err
}
