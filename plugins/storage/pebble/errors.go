package pebble

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
)

// corruptf is an ErrCorrupt about the database.
func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: database in %s: %s; %s", storage.ErrCorrupt, dbName, fmt.Sprintf(format, args...), corruption.WayOut)
}

// damaged says of pebble's errors what the contract calls them.
func damaged(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err), errors.Is(err, pebble.ErrDBDoesNotExist), errors.Is(err, fs.ErrNotExist):
		return corruptf("%v", err)
	}
	return freespace.Error(err)
}
