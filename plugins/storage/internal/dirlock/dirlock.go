// Package dirlock takes a store's directory for one process, the same way in
// every backend with files.
package dirlock

import (
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

// Take takes the directory without waiting, until Close of what it returns or
// the end of the process. The error is a *storage.LockedError if another process
// has it. The text in the file is for people; the lock itself is the
// kernel's.
func Take(fsys vfs.FS, opts plugins.Options) (io.Closer, error) {
	holder := fmt.Sprintf("plugin pid %d (host pid %d, node %q) since %s",
		os.Getpid(), os.Getppid(), opts.NodeName, time.Now().UTC().Format(time.RFC3339))
	lock, err := fsys.Lock(Name, holder)
	var held *vfs.HeldError
	if errors.As(err, &held) {
		if held.Holder == "" {
			held.Holder = "a process that has just started"
		}
		return nil, &storage.LockedError{Path: filepath.Join(opts.DataDir, Name), Holder: held.Holder}
	}
	return lock, err
}
