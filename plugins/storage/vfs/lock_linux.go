package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an open-file-description lock: it belongs to this descriptor
// and not to the process, so closing another descriptor of the file does not
// drop it, and a second open in the same process is refused as well.
func lockFile(f *os.File) error {
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &whole)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
			return ErrHeld
		}
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
}
