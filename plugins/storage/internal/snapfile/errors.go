package snapfile

import (
	"fmt"
	"hash/crc32"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// otherWay is what helps whatever is damaged; wayOut ends reports of damage after
// which the store does not open.
const (
	otherWay = "remove this member from the cluster, empty its data directory and add it as a new member"
	wayOut   = "the way out is to " + otherWay
)

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

func checksum(p []byte) uint32 {
	return crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), p)
}
