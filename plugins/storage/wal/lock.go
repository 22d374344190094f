package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// lockName is the file whose lock is the store's.
const lockName = "LOCK"

// takeLock takes the directory for this process without waiting. What is
// written into the file is for people; the lock itself is the kernel's.
func takeLock(fsys vfs.FS, opts plugins.Options) (io.Closer, error) {
	holder := fmt.Sprintf("plugin pid %d (host pid %d, node %q) since %s",
		os.Getpid(), os.Getppid(), opts.NodeName, time.Now().UTC().Format(time.RFC3339))
	lock, err := fsys.Lock(lockName, holder)
	var held *vfs.HeldError
	if errors.As(err, &held) {
		if held.Holder == "" {
			held.Holder = "a process that has just started"
		}
		return nil, &storage.LockedError{Path: filepath.Join(opts.DataDir, lockName), Holder: held.Holder}
	}
	return lock, err
}
