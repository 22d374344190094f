package storage

import (
	"errors"
	"fmt"
)

// Errors of the contract. See also those of package plugins.
var (
	// ErrLocked: another process holds the store. Open returns it. The error
	// is a *LockedError.
	ErrLocked = errors.New("data directory is in use")
	// ErrCorrupt: stored bytes are not what was written. Open returns it, and
	// each call that reads. The wrapping text names file, offset and what to
	// do.
	ErrCorrupt = errors.New("corrupt data")
	// ErrCompacted: the entries were given up; use a snapshot. Read returns
	// it.
	ErrCompacted = errors.New("entries are compacted")
	// ErrUnavailable: the entries are not in the log (yet). Read returns it.
	ErrUnavailable = errors.New("entries are not available")
	// ErrNoSnapshot: there is no snapshot at that index. OpenSnapshot and
	// InstallSnapshot return it.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrNoSpace: the disk is full. Every call that writes may return it.
	ErrNoSpace = errors.New("no space left for the log")
)

// LockedError is an ErrLocked that names the holder.
type LockedError struct {
	// Path is the lock file.
	Path string
	// Holder describes who has it: plugin pid, host pid, since when.
	Holder string
}

// Error implements error.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%s: %v by %s", e.Path, ErrLocked, e.Holder)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }
