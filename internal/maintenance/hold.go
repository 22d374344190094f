package maintenance

import (
	"errors"
	"fmt"
	"os"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// hold takes a node's data directory, which must be there, for a command that
// changes what is in it: no host starts there until release, and none runs. No move of the
// store is under way in it.
func hold(dataDir string) (release func() error, err error) {
	release, err = take(dataDir)
	if err != nil {
		return nil, err
	}
	if err := mustNotMove(dataDir); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// mustNotMove refuses a data directory in which a move of the store is under way.
func mustNotMove(dataDir string) error {
	if move, err := datadir.NotedMove(dataDir); err == nil && move != nil {
		return fmt.Errorf("%w: a move of the store to the backend %s was interrupted: start the host of this member once, which settles it", ErrRefused, move.To)
	}
	return nil
}

// take takes a data directory in any state.
func take(dataDir string) (release func() error, err error) {
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
