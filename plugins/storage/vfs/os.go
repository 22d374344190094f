package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxHolder bounds what is read from a lock file that another process wrote.
const maxHolder = 1024

// OS opens the file system below dir, which must exist. No name leads outside
// of it, through symbolic links neither.
func OS(dir string) (FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &osFS{root: root}, nil
}

type osFS struct{ root *os.Root }

// newOSFile wraps f. The descriptor is kept because asking for it allocates,
// and Sync is on the hot path.
func newOSFile(f *os.File) *osFile { return &osFile{File: f, fd: int(f.Fd())} }

func (o *osFS) Create(name string) (File, error) {
	f, err := o.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return newOSFile(f), nil
}

func (o *osFS) Open(name string) (File, error) {
	f, err := o.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return newOSFile(f), nil
}

func (o *osFS) Rename(from, to string) error { return o.root.Rename(from, to) }
func (o *osFS) Remove(name string) error     { return o.root.Remove(name) }
func (o *osFS) Mkdir(name string) error      { return o.root.Mkdir(name, 0o700) }
func (o *osFS) Close() error                 { return o.root.Close() }

func (o *osFS) Free() (int64, error) {
	d, err := o.root.Open(".")
	if err != nil {
		return 0, err
	}
	n, err := freeBytes(d)
	return n, errors.Join(err, d.Close())
}

func (o *osFS) List(dir string) ([]string, error) {
	d, err := o.root.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, d.Close())
}

func (o *osFS) Stat(name string) (Info, error) {
	info, err := o.root.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: info.Size(), Dir: info.IsDir()}, nil
}

func (o *osFS) SyncDir(dir string) error {
	d, err := o.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(d), d.Close())
}

// Lock implements FS. The file is opened close-on-exec, so a child process
// does not inherit the lock.
func (o *osFS) Lock(name, holder string) (io.Closer, error) {
	f, err := o.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		held := errors.Is(err, ErrHeld)
		if held {
			err = &HeldError{Name: name, Holder: readHolder(f)}
		}
		return nil, errors.Join(err, f.Close())
	}
	if err := writeHolder(f, holder); err != nil && !IsFull(err) { // a full disk does not keep a process from holding it
		return nil, errors.Join(fmt.Errorf("write lock file: %w", err), f.Close())
	}
	return f, nil
}

func readHolder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxHolder))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "?")
}

// writeHolder is not synced: after a crash the lock is free.
func writeHolder(f *os.File, holder string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(holder+"\n"), 0)
	return err
}

type osFile struct {
	*os.File
	fd int
}

func (f *osFile) Preallocate(size int64) error {
	have, err := f.Size()
	if err != nil || have >= size {
		return err
	}
	return preallocate(f.File, size)
}

func (f *osFile) Sync() error    { return fdatasync(f.File, f.fd) }
func (f *osFile) SyncAll() error { return f.File.Sync() }

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
