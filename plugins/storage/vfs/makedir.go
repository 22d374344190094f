package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// MakeDir makes a directory, and those above it that are missing, mode 0700.
// When it returns, their names are durable: a file made durable in the
// directory then cannot be lost with it.
//
// A directory that is there may have been made by a call that a crash
// interrupted before its sync, so its name is synced too. Those above it need
// none: each is synced before the next one is made.
func MakeDir(fsys FS, name string) error {
	name = path.Clean(name)
	if name == "." {
		return nil
	}
	parent := path.Dir(name)
	if _, err := fsys.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if err := MakeDir(fsys, parent); err != nil {
			return err
		}
		if err := fsys.Mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	} else if err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

// MakeOSDir is MakeDir for a directory of the operating system.
func MakeOSDir(dir string) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	there, err := deepest(dir)
	if err != nil {
		return err
	}
	if err := syncAbove(there); err != nil {
		return err
	}
	rest, err := filepath.Rel(there, dir)
	if err != nil || rest == "." {
		return err
	}
	fsys, err := OS(there)
	if err != nil {
		return err
	}
	return errors.Join(MakeDir(fsys, filepath.ToSlash(rest)), fsys.Close())
}

// deepest is the last directory on the way to dir that is there.
func deepest(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return "", &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return dir, err
		}
		dir = filepath.Dir(dir)
	}
}

// syncAbove makes the name of a directory that was there durable. Where the
// one above belongs to another user, or to a file system that syncs no
// directories, it was not made by MakeOSDir, and its maker has to see to it.
func syncAbove(dir string) error {
	err := SyncOSDir(filepath.Dir(dir))
	for _, foreign := range []error{fs.ErrPermission, errors.ErrUnsupported, syscall.EINVAL, syscall.EROFS} {
		if errors.Is(err, foreign) {
			return nil
		}
	}
	return err
}

// SyncOSDir makes the names in a directory of this machine durable, also on a system that
// has no call for that.
func SyncOSDir(dir string) error {
	fsys, err := OS(dir)
	if err != nil {
		return err
	}
	return errors.Join(fsys.SyncDir("."), fsys.Close())
}
