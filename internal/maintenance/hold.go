package maintenance

import (
	"errors"
	"fmt"
	"os"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// hold takes a node's data directory, which must be there, for a command that
// changes what is in it: no host starts there until release, and none runs.
func hold(dataDir string) (release func() error, err error) {
	fsys, err := vfs.OS(dataDir)
	if err != nil {
		return nil, err
	}
	lock, err := datadir.Take(fsys, dataDir, fmt.Sprintf("a command for a stopped node (pid %d)", os.Getpid()))
	if err != nil {
		return nil, errors.Join(classify(err), fsys.Close())
	}
	return func() error { return errors.Join(lock.Close(), fsys.Close()) }, nil
}
