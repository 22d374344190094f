//go:build unix

package pluginlock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Hold keeps a file in the catalog, until it is closed or the process ends: it cannot be
// removed meanwhile. The lock is that of its folder, because a repair is another file.
func Hold(path string) (io.Closer, error) { return lockShared(filepath.Dir(path)) }

// lockShared takes the lock of a directory together with others that do the same.
func lockShared(path string) (io.Closer, error) { return lock(path, unix.LOCK_SH) }

// lockExclusive takes the lock of a directory for this process alone.
func lockExclusive(path string) (io.Closer, error) { return lock(path, unix.LOCK_EX) }

func lock(path string, how int) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("%s is %w", path, ErrInUse)
	}
	return nil, errors.Join(err, f.Close())
}

func mayBeExecuted(info fs.FileInfo) bool { return info.Mode().Perm()&0o111 != 0 }

func othersMayWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
