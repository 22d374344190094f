package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// fdatasync leaves out metadata that is not needed to read the data back, such
// as times: on a preallocated file that is one device flush and no journal
// commit.
func fdatasync(f *os.File, fd int) error {
	for {
		err := unix.Fdatasync(fd)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// preallocate reserves blocks, so that a full disk is found out now and not
// in an append. File systems that cannot do it get a longer file.
func preallocate(f *os.File, size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return f.Truncate(size)
		}
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
}

func syncDir(d *os.File) error { return d.Sync() }
