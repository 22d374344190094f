package catalog

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// scriptSeals forbid all changes of the copy of a script, and of its seals.
const scriptSeals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// seal copies a script into memory that cannot be changed: its interpreter
// reads the file when the process runs, long after the check, and the system
// does not refuse to write to it meanwhile. The copy is checked, and not the
// file. It returns nil where the system has no such memory, or executes
// nothing in it.
func seal(script *os.File, size int64) (*os.File, error) {
	copied, err := newSealable()
	if err != nil {
		return nil, nil // then the file itself must do
	}
	if _, err = io.Copy(copied, io.NewSectionReader(script, 0, size)); err == nil {
		_, err = unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, scriptSeals)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy the script: %w", err), copied.Close())
	}
	return copied, nil
}

// newSealable asks for memory that may be executed, in the way of kernels that
// want to be asked, then in that of others.
func newSealable() (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("plugin", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("plugin", flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "plugin"), nil
}
