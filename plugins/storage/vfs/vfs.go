package vfs

import (
	"errors"
	"io"
)

// FS is a directory tree. Names are slash-separated and relative to its root;
// "." is the root.
//
// Methods may be called concurrently. An error matches the sentinels of io/fs
// (fs.ErrNotExist, fs.ErrExist) and the error of the system call (syscall.ENOSPC;
// see IsFull).
type FS interface {
	// Create makes a file that does not exist yet, mode 0600, for reading and
	// writing. Its name is not durable before SyncDir.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name, atomically, replacing the file that had it.
	// It is durable after SyncDir of the directory of both names.
	Rename(from, to string) error
	// Remove removes a name, durably after SyncDir. Files that are open stay
	// readable.
	Remove(name string) error
	// Mkdir makes a directory, mode 0700. MakeDir makes a durable one.
	Mkdir(name string) error
	// List returns the names in a directory, sorted and without the directory. The
	// slice is the caller's.
	List(dir string) ([]string, error)
	// Stat describes the file or directory of that name.
	Stat(name string) (Info, error)
	// SyncDir makes the names in a directory durable. It says nothing of the content
	// of its files.
	SyncDir(dir string) error
	// Lock takes the lock file of that name, creating it, and writes holder
	// into it for others to read. It never waits: if another process or
	// another FS holds it, the error is a *HeldError. The lock ends with Close
	// of the Closer, or with the process. The error matches errors.ErrUnsupported
	// where the system has no lock that ends with its process.
	Lock(name, holder string) (io.Closer, error)
	// Free returns how many bytes this program may still write to the file
	// system that the root is on. The error matches errors.ErrUnsupported
	// where the system does not tell.
	Free() (int64, error)
	// Close releases the root. Open files and locks are not affected; no other
	// method may be called any more.
	Close() error
}

// File is an open file. Offsets and sizes are in bytes.
//
// ReadAt, WriteAt and the Sync methods may be called concurrently; Close
// must not run concurrently with any other method. No method keeps the slice
// that it is given.
type File interface {
	// ReadAt is that of io.ReaderAt.
	io.ReaderAt
	// WriteAt is that of io.WriterAt: a short write is an error. A crash before the
	// next Sync keeps any subset of the sectors of 512 bytes that were written.
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
	// Size is in bytes; of a directory it says nothing.
	Size int64
	// Dir is set for a directory.
	Dir bool
}

// ErrHeld is matched by a *HeldError.
var ErrHeld = errors.New("lock is held")

// HeldError says that a lock is held, and what its holder wrote about itself.
type HeldError struct {
	// Name is that of the lock file.
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
