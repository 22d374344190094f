// Package vfs is the seam between storage backends and the file system: few
// operations, each with its durability spelt out, so that a test can put a
// file system underneath that loses everything it is allowed to lose.
//
// OS is the real one, rooted at a directory that no name can leave. Mem keeps
// files in memory, can crash at any moment, and fails calls on demand.
//
// What is durable when, in both:
//
//   - a write, after Sync or SyncAll of the file returned without an error;
//   - a file's size, the same way;
//   - a name (create, rename, remove), after SyncDir of its directory.
//
// After a Sync that failed nothing is known of what it should have made
// durable, and calling it again proves nothing: the kernel has marked the
// pages clean.
package vfs

import (
	"errors"
	"io"
)

// FS is a directory tree. Names are slash-separated and relative to its root;
// "." is the root. Methods may be called concurrently. Errors match the
// sentinels of io/fs (fs.ErrNotExist, fs.ErrExist) and the errors of the
// system calls (syscall.ENOSPC).
type FS interface {
	// Create makes a file that does not exist yet, mode 0600, for reading and
	// writing.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name, atomically, replacing what had it.
	Rename(from, to string) error
	// Remove removes a name. Files that are open stay readable.
	Remove(name string) error
	// Mkdir makes a directory, mode 0700.
	Mkdir(name string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// Stat returns a file's size.
	Stat(name string) (Info, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
	// Lock takes the lock file of that name, creating it, and writes holder
	// into it for others to read. It never waits: if another process or
	// another FS holds it, the error is a *HeldError. The lock ends with Close
	// of what is returned, or with the process.
	Lock(name, holder string) (io.Closer, error)
	// Free returns how many bytes this program may still write to the file
	// system that the root is on. The error matches errors.ErrUnsupported
	// where that cannot be known.
	Free() (int64, error)
	// Close releases the root. Open files and locks are not affected.
	Close() error
}

// File is an open file. ReadAt and WriteAt may be called concurrently; Close
// must not run concurrently with any other method.
type File interface {
	// ReadAt is that of io.ReaderAt.
	io.ReaderAt
	// WriteAt is that of io.WriterAt: a short write is an error.
	io.WriterAt
	// Preallocate makes the file at least size bytes long, with space
	// reserved for all of them where the file system can; new bytes are zero.
	Preallocate(size int64) error
	// Truncate cuts or extends the file to size bytes.
	Truncate(size int64) error
	// Sync makes the content durable, and the size if that is needed to read
	// it back: fdatasync.
	Sync() error
	// SyncAll makes content and all metadata durable: fsync.
	SyncAll() error
	// Size returns the length in bytes.
	Size() (int64, error)
	// Close closes the file; it makes nothing durable.
	Close() error
}

// Info describes a file.
type Info struct {
	Size int64
	Dir  bool
}

// ErrHeld is matched by a *HeldError.
var ErrHeld = errors.New("lock is held")

// HeldError says that a lock is held, and what its holder wrote about itself.
type HeldError struct {
	Name string
	// Holder is empty if the holder has not written it yet.
	Holder string
}

// Error implements error.
func (e *HeldError) Error() string {
	return e.Name + ": " + ErrHeld.Error() + " by " + e.Holder
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }
