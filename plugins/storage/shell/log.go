// Package shell makes a storage.Storage of a log. A backend brings the log; the
// shell has all that is the same around any of them: when which call may run, the
// lock of the directory, the snapshots beside the log, and the end after a failure.
//
// The order of locks is that of the calls: the shell's own are not held while it
// calls the log or the snapshots, but for Open and Close.
package shell

import (
	"log/slog"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Log keeps entries and hard state. Methods are as those of storage.Storage with
// these names, including what may run at the same time, and are called only while
// the store is open and not poisoned. A Log that cannot know any more what is on disk
// says so with the Poison of its Place.
type Log interface {
	Append(batches []storage.Batch) error
	Read(lo, hi, maxBytes uint64) ([]storage.Entry, error)
	// Compact is given the index of the newest visible snapshot besides.
	Compact(index, newest uint64) (first uint64, err error)
	// Install makes the log begin after index, of that term, with hs as hard state,
	// durable on return: the snapshot at index is installed once it returned nil.
	Install(index, term uint64, hs storage.HardState) error
	// CheckSnapshot refuses a snapshot that is not of a prefix of the log.
	CheckSnapshot(index, term uint64) error
	// Commit is the commit index.
	Commit() uint64
	// Space says whether the log has room to go on. It waits for no write.
	Space() (storage.Space, error)
	// Begin ends Open, which nothing can make fail any more: background work begins
	// here, not before.
	Begin()
	// Close ends background work, makes durable what was appended without a sync
	// unless the store is poisoned, and gives up all that the log holds. No other call
	// runs. Without a Begin it changes nothing on disk.
	Close() error
}

// Snapshots keeps the snapshots of a store. snapfile.Shelf does, in files beside
// the log. All methods may be called concurrently once Open has returned.
type Snapshots interface {
	// Open finds the snapshots, finishes an installation that the log knows of, removes
	// what was never installed, and compares the rest with the log.
	Open(log storage.State) error
	// Create starts a snapshot; received sets it aside until Install.
	Create(meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error)
	// OpenSnapshot is that of storage.Storage.
	OpenSnapshot(index uint64) (storage.SnapshotReader, error)
	// List returns the visible ones, oldest first.
	List() []storage.SnapshotInfo
	// Newest is the index of the newest visible one, or 0.
	Newest() uint64
	// ForgetBelow removes received ones below the commit index.
	ForgetBelow(commit uint64)
	// Install makes the received one at index visible once record, which writes it
	// into the log, has succeeded. An error after that poisons the store.
	Install(index uint64, record func(term uint64) error) error
	// Close makes every later change impossible.
	Close()
}

// Place is where a log is recovered.
type Place struct {
	// FS is rooted in the store's directory, which is locked for it.
	FS     vfs.FS
	Logger *slog.Logger
	// Options are those of Open.
	Options plugins.Options
	// Identity is the store's, which is on disk already. The shell marks it as begun
	// when Recover has returned.
	Identity identity.Identity
	Poison   Poison
}

// Poison ends a store after a failure: once it is not known any more what is on disk, no
// later append may be acknowledged by the same process. It is clean until the first
// Fail, and never again after it, and safe for concurrent use.
type Poison interface {
	// Fail poisons the store with an error of a write or a sync, logs that, and returns
	// the error for the call that met it: the same one, with storage.ErrNoSpace if the
	// disk is full.
	Fail(err error) error
	// Health is nil, or after a failure plugins.ErrClosed with the cause. The store
	// looks before each call; background work of a log looks itself.
	Health() error
}

// Recover opens the log of a place, or begins one that is durable on return. The
// State is that of Open without StoreID and snapshots. After an error nothing is held.
type Recover func(Place) (Log, storage.State, error)

// Backend is what a backend brings to the shell.
type Backend struct {
	// Info is the answer of Describe.
	Info plugins.Info
	// Identity is the format of the file that says whose data it is.
	Identity identity.Format
	// Stray names the file, if there is one among names, that a directory without an
	// identity cannot have: a first Open that was interrupted does not leave it.
	Stray func(names []string) string
	// Configure reads the section of the configuration, before anything is touched.
	Configure func(section []byte) (Recover, error)
	// OpenFS opens the store's directory.
	OpenFS func(dir string) (vfs.FS, error)
	// Snapshots are those of a place, before their Open; nil keeps them in files.
	Snapshots func(Place) Snapshots
}
