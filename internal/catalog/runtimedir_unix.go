//go:build unix

package catalog

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockDir takes the lock of the directory at path and returns it, or nil if
// another process holds it or the directory was replaced or removed meanwhile.
// The lock ends with the process at the latest; plugins do not inherit it.
func lockDir(path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil
	}
	opened, openedErr := f.Stat()
	named, namedErr := os.Lstat(path)
	if openedErr != nil || namedErr != nil || !os.SameFile(opened, named) {
		_ = f.Close()
		return nil
	}
	return f
}
