//go:build unix

package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// CheckSecret says whether the file at path, of which info tells, is fit to be
// believed: it is a file of its own, its group may at most read it, and all others may
// do nothing. Where files have no modes in the sense of Unix it returns nil.
func CheckSecret(path string, info fs.FileInfo) error {
	const forbidden = 0o027
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return fmt.Errorf("%s can be read or changed by others (mode %04o): run: chmod %04o %s", path, mode, mode&^forbidden&0o640, path)
	}
	return nil
}

// Keep gives f the owner and the group that info tells of, if they are others.
func Keep(f *os.File, info fs.FileInfo) error {
	was, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := now.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}
