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
	"slices"
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
func (c Catalog) Verify(ctx context.Context) ([]Entry, []Difference, error) {
	entries, err := c.Entries()
	if err != nil {
		return nil, nil, err
	}
	wrong := c.differing(ctx, entries)
	strays, err := c.strays(ctx, entries)
	if err != nil || len(wrong)+len(strays) == 0 {
		return entries, nil, err
	}
	still, err := lockShared(c.dir) // files of a command that is at work look the same
	if err != nil {
		return nil, nil, fmt.Errorf("another command changes the catalog %s: wait for that: %w", c.dir, err)
	}
	defer still.Close()
	if entries, err = c.Entries(); err != nil {
		return nil, nil, err
	}
	wrong = c.differing(ctx, slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		return !slices.ContainsFunc(wrong, func(d Difference) bool { return d.Path == e.Path })
	}))
	strays, err = c.strays(ctx, entries)
	return entries, append(wrong, strays...), err
}

// differing are the entries the files of which are not what they say.
func (c Catalog) differing(ctx context.Context, entries []Entry) (all []Difference) {
	for i := range entries {
		e := &entries[i]
		if err := c.check(ctx, e); err != nil {
			all = append(all, Difference{e.Path, strings.TrimPrefix(err.Error(), ErrDamaged.Error()+": ")})
		}
	}
	return all
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
// there by hand. No host runs them.
func (c Catalog) strays(ctx context.Context, entries []Entry) (all []Difference, err error) {
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
