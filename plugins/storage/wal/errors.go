package wal

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// wayOut ends every report of damage.
const wayOut = "the way out is to remove this member from the cluster, " +
	"empty its data directory and add it as a new member"

// damagef is an ErrCorrupt that names the place.
func damagef(file string, off int64, format string, args ...any) error {
	return fmt.Errorf("%w: %s at offset %d: %s; %s", storage.ErrCorrupt, file, off, fmt.Sprintf(format, args...), wayOut)
}

// unreadable is an ErrCorrupt for bytes that the disk does not give back.
func unreadable(file string, off int64, err error) error {
	return fmt.Errorf("%w: %s at offset %d: %w", storage.ErrCorrupt, file, off, err)
}

// spaceError adds ErrNoSpace to a system error that means it.
func spaceError(err error) error {
	if vfs.IsFull(err) {
		return fmt.Errorf("%w: %w", storage.ErrNoSpace, err)
	}
	return err
}
