// Package dirlock takes a store's directory for one process, the same way in
// every backend with files: a backend that takes another lock, or none, would open
// a directory that a process of another backend is writing to.
//
// Open takes the lock before it reads anything else, and Close gives it up last of
// all, after the last file was closed. The lock is the kernel's and ends with its
// process, so nothing has to be removed after a crash.
package dirlock

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Name is the file whose lock is the store's.
const Name = "LOCK"

// Take takes the directory that fsys is rooted in, without waiting, until Close of
// the Closer or the end of the process. Of opts it reads DataDir and NodeName, for the
// texts: the file names its holder for people.
//
// Errors: a *storage.LockedError, which matches storage.ErrLocked, if another process or
// another store of this one has it; one that matches errors.ErrUnsupported where the system has no such lock.
func Take(fsys vfs.FS, opts plugins.Options) (io.Closer, error) {
	holder := fmt.Sprintf("plugin pid %d (host pid %d, node %q) since %s",
		os.Getpid(), os.Getppid(), opts.NodeName, time.Now().UTC().Format(time.RFC3339))
	lock, err := fsys.Lock(Name, holder)
	var held *vfs.HeldError
	if errors.As(err, &held) {
		return nil, &storage.LockedError{
			Path:   filepath.Join(opts.DataDir, Name),
			Holder: cmp.Or(held.Holder, "a process that has just started"),
		}
	}
	return lock, err
}
