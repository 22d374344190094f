// Package corruption words what a store says of files that are not what was written.
package corruption

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

const (
	// OtherWay is what helps whatever is damaged.
	OtherWay = "remove this member from the cluster, empty its data directory and add it as a new member"
	// WayOut ends each report of damage after which the store does not open.
	WayOut = "the way out is to " + OtherWay
)

// At is an ErrCorrupt that names the place.
func At(file string, off int64, format string, args ...any) error {
	return fmt.Errorf("%w: %s at offset %d: %s; %s", storage.ErrCorrupt, file, off, fmt.Sprintf(format, args...), WayOut)
}

// Unreadable is an ErrCorrupt for bytes that the disk does not give back.
func Unreadable(file string, off int64, err error) error {
	return fmt.Errorf("%w: %s at offset %d: %w", storage.ErrCorrupt, file, off, err)
}
