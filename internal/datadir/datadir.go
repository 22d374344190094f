// Package datadir takes a node's data directory for one process: for a host from
// its start to its stop, or for a command that changes a stopped node. The storage
// plugin has a lock of its own, for its own directory and its own life. It knows
// the form of what a host keeps there beside the plugins' folders, too: Pins.
package datadir

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// LockName is the file whose lock is the data directory's.
const LockName = "host.lock"

// Take takes dir, which is the root of fsys, without waiting, until Close of what
// it returns or the end of the process. who is for people; the lock itself is
// the kernel's. The error is a *storage.LockedError if another process has it.
// Where the system has no such locks, nothing is taken: whether that will do is
// for the storage to say.
func Take(fsys vfs.FS, dir, who string) (io.Closer, error) {
	lock, err := fsys.Lock(LockName, fmt.Sprintf("%s since %s", who, time.Now().UTC().Format(time.RFC3339)))
	path := filepath.Join(dir, LockName)
	var held *vfs.HeldError
	switch {
	case errors.As(err, &held):
		return nil, &storage.LockedError{Path: path, Holder: cmp.Or(held.Holder, "a process that has just started")}
	case errors.Is(err, errors.ErrUnsupported):
		return io.NopCloser(nil), nil
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return lock, nil
}
