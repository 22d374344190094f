package datadir

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// LossOf tells why a host does not start with the store of that id in the data
// directory. An earlier host has noted the reason there. It is empty if nothing
// keeps a host from it. It is for tools that work on a stopped node.
func LossOf(dataDir string, store uint64) (string, error) {
	p, err := pinsIn(dataDir)
	if err != nil {
		return "", err
	}
	return p.LossOf(store), nil
}

// OfflineIncarnation is an incarnation for a tool that opens the store of a host
// that does not run, with the data directory dataDir. It is above those of all lives
// of the host, for it is the last that is reserved for the last of them, and below
// those of the next, unless the clock, now, is ahead. A host that has noted none, or
// whose notes cannot be read, gets the clock's. Nothing is written: the notes are
// their host's.
func OfflineIncarnation(dataDir string, now uint64) uint64 {
	p, err := pinsIn(dataDir)
	if err != nil {
		return now
	}
	return max(p.Incarnations, now)
}

// pinsIn reads the pins of a stopped node.
func pinsIn(dataDir string) (_ Pins, err error) {
	fsys, err := vfs.OS(dataDir)
	if err != nil {
		return Pins{}, fmt.Errorf("data directory: %w", err)
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	p, err := ReadPins(fsys)
	if err != nil {
		return Pins{}, fmt.Errorf("data directory %s: %w", dataDir, err)
	}
	return p, nil
}
