package pebble

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// wayOut ends every report of damage.
const wayOut = "the way out is to remove this member from the cluster, " +
	"empty its data directory and add it as a new member"

// corruptf is an ErrCorrupt about the database.
func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: database in %s: %s; %s", storage.ErrCorrupt, dbName, fmt.Sprintf(format, args...), wayOut)
}

// damaged says of pebble's errors what the contract calls them.
func damaged(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err), errors.Is(err, pebble.ErrDBDoesNotExist), errors.Is(err, fs.ErrNotExist):
		return corruptf("%v", err)
	}
	return spaceError(err)
}

// spaceError adds ErrNoSpace to a system error that means it.
func spaceError(err error) error {
	if vfs.IsFull(err) && !errors.Is(err, storage.ErrNoSpace) {
		return fmt.Errorf("%w: %w", storage.ErrNoSpace, err)
	}
	return err
}
