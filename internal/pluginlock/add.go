package pluginlock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Added is the result of Commit.
type Added string

// The results of Commit.
const (
	New       Added = "added"
	Unchanged Added = "unchanged"
	// Repaired: the version was there, and its file was missing or damaged.
	Repaired Added = "repaired"
)

// A Staged file is a copy in the catalog that has no place yet. Until it is discarded no
// other command changes the catalog.
type Staged struct {
	change *change
	source string
	// Path is that of the copy; SHA256 and Size are what was copied.
	Path, SHA256 string
	Size         int64
}

// Stage copies an executable into the catalog, so that what is looked at is what is kept. It
// makes the directory if it is missing.
func (c Catalog) Stage(ctx context.Context, file string) (_ *Staged, err error) {
	if err := vfs.MakeOSDir(c.dir); err != nil {
		return nil, fmt.Errorf("directory of the catalog: %w", err)
	}
	ch, err := c.change()
	if err != nil {
		return nil, err
	}
	s := &Staged{change: ch, source: file}
	defer func() {
		if err != nil {
			s.Discard()
		}
	}()
	if err := ch.sweep(); err != nil {
		return nil, err
	}
	from, err := openSource(file)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.CreateTemp(c.dir, tempPattern)
	if err != nil {
		return nil, err
	}
	s.Path = to.Name()
	if err := errors.Join(s.fill(to, reader{ctx, from}), to.Chmod(0o555), to.Sync(), to.Close()); err != nil {
		return nil, fmt.Errorf("copy %s into the catalog: %w", file, err)
	}
	return s, nil
}

func openSource(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO has no writer
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%w: %s is a directory, and a plugin is one file: name the executable", ErrRefused, file)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: %s is not a regular file", ErrRefused, file)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *Staged) fill(to io.Writer, from io.Reader) (err error) {
	sum := sha256.New()
	if s.Size, err = io.Copy(io.MultiWriter(to, sum), io.LimitReader(from, maxFileBytes+1)); err != nil {
		return err
	}
	if s.Size > maxFileBytes {
		return fmt.Errorf("%w: it has more than %d bytes", ErrRefused, maxFileBytes)
	}
	s.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// Discard removes the copy, unless it got its place, and lets other commands go on.
func (s *Staged) Discard() {
	if s.Path != "" {
		_ = os.Remove(s.Path)
	}
	s.change.end()
}

// Commit gives the copy its place and the lock its entry. The first version of a plugin is
// pinned. A version that is there already has to have the same bytes and arguments.
func (s *Staged) Commit(ctx context.Context, kind, name, version string, arguments []string) (Entry, Added, error) {
	e := Entry{
		Kind: kind, Name: name, Version: version, SHA256: s.SHA256, Size: s.Size, Arguments: append([]string{}, arguments...),
		Added: time.Now().UTC().Truncate(time.Second),
	}
	if err := checkPlugin(kind, name); err != nil { // before a path is made of it
		return e, "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	e.Path = path.Join(e.folder(), name+extensionOf(s.source, name))
	if err := e.check(); err != nil {
		return e, "", fmt.Errorf("%w: %s: %w", ErrRefused, s.source, err)
	}
	all := s.change.entries
	of := func(o Entry) bool { return o.Kind == kind && o.Name == name }
	if i := slices.IndexFunc(all, func(o Entry) bool { return of(o) && o.Version == version }); i >= 0 {
		return s.again(ctx, &all[i], &e)
	}
	if len(all) >= maxEntries {
		return e, "", fmt.Errorf("%w: the catalog has %d versions already; remove old ones", ErrRefused, maxEntries)
	}
	e.Pinned = !slices.ContainsFunc(all, of)
	if err := s.settle(&e); err != nil {
		return e, "", err
	}
	s.change.entries = append(all, e)
	if err := s.change.write(); err != nil {
		s.change.withdraw(&e)
		return e, "", err
	}
	return e, New, nil
}

// again is for a version that the catalog has.
func (s *Staged) again(ctx context.Context, has, now *Entry) (Entry, Added, error) {
	switch {
	case has.SHA256 != now.SHA256:
		return *has, "", fmt.Errorf("%w: %s is in the catalog with sha256 %s, and this file has %s: a version never changes, so give the new build a version of its own, or remove the old one first",
			ErrRefused, has, has.SHA256, now.SHA256)
	case !slices.Equal(has.Arguments, now.Arguments):
		return *has, "", fmt.Errorf("%w: %s is in the catalog with the arguments %q: remove it first to give it others", ErrRefused, has, has.Arguments)
	case s.change.check(ctx, has) == nil:
		return *has, Unchanged, nil
	}
	return *has, Repaired, s.settle(has)
}

// settle moves the copy to where the entry says.
func (s *Staged) settle(e *Entry) error {
	file := s.change.File(e)
	if err := vfs.MakeOSDir(filepath.Dir(file)); err != nil {
		return fmt.Errorf("folder of %s: %w", e, err)
	}
	if err := os.Rename(s.Path, file); err != nil {
		return err
	}
	s.Path = ""
	return errors.Join(vfs.SyncOSDir(filepath.Dir(file)), vfs.SyncOSDir(s.change.dir))
}
