package freespace

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Error adds ErrNoSpace to a system error that means it. Others, nil too, are
// returned as they are.
func Error(err error) error {
	if vfs.IsFull(err) && !errors.Is(err, storage.ErrNoSpace) {
		return fmt.Errorf("%w: %w", storage.ErrNoSpace, err)
	}
	return err
}
