package storage

import (
	"context"
	"io"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// The wire types are the contract's types: an entry crosses the process
// boundary and, in the same process, a function call without conversion.
type (
	// Entry is one position of the log. Its Data is immutable from the moment
	// it is handed over, in both directions.
	Entry = pluginv1.Entry
	// HardState is term, vote and commit; the zero value means "unchanged".
	HardState = pluginv1.HardState
	// ConfState is the membership at an index.
	ConfState = pluginv1.ConfState
	// SnapshotMetadata is a snapshot's index, term and ConfState.
	SnapshotMetadata = pluginv1.SnapshotMetadata
	// SnapshotInfo is a stored snapshot: its metadata, its size in bytes, and the SHA-256
	// of its content, which may be missing of one that an earlier build saved.
	SnapshotInfo = pluginv1.SnapshotInfo
	// TermBoundary says from which index on entries have a term.
	TermBoundary = pluginv1.TermBoundary
)

// State is what a store holds when it is opened.
type State struct {
	// StoreID is what makes this store the one it is: random, drawn when Open
	// creates the store, durable before that Open returns, never 0, and the same
	// at every later one. A member is known to its peers by it: a store that lost
	// its data gets another one, so its votes and acknowledgements are not taken
	// for those of the member that it was.
	StoreID uint64
	// HardState is the last acknowledged one, or a later one that survived.
	// Its Commit may lag behind what the node knew (commit alone is never
	// synced), and is never beyond LastIndex.
	HardState HardState
	// Snapshots are the usable ones, oldest first. Received snapshots that
	// were never installed are not among them: they are gone.
	Snapshots []SnapshotInfo
	// FirstIndex and LastIndex bound the entries that can be read. An empty
	// log has LastIndex = FirstIndex-1. Entries begin at 1 in a new store.
	FirstIndex, LastIndex uint64
	// Terms are the term boundaries of the log, ascending in both fields. The
	// first is that of index FirstIndex-1 (0, 0 in a store that was never
	// compacted), so that the term of every index in
	// [FirstIndex-1, LastIndex] is known without a read.
	Terms []TermBoundary
}

// Batch is one atomic append.
type Batch struct {
	// Entries are contiguous. The first index is at most one past the last
	// index of the log and greater than its commit; stored entries from the
	// first index on are discarded first (paper, section 5.3). May be empty.
	Entries []Entry
	// HardState is stored with the entries unless it is zero. Neither its term nor its
	// commit is below the stored one.
	HardState HardState
	// MustSync is false only for batches whose loss would be harmless: a
	// commit index alone. Their acknowledgement may come without an fsync.
	MustSync bool
}

// Storage is implemented by storage backends, and by the host's end of the
// RPC connection to one.
//
// Unless a method says otherwise: methods may be called concurrently with
// each other; a context that ends abandons the call but promises nothing about
// its effect; slices passed in are not kept after return, except entry data,
// which is immutable; slices returned belong to the caller.
type Storage interface {
	// Describe says what the backend is. It may be called before Open.
	Describe() plugins.Info

	// Open takes the store in opts.DataDir, creating it if there is none, and
	// recovers it. A store that it creates takes opts.StoreID as its id, or a
	// random one if that is 0. It holds a lock until Close or the end of the process, so
	// that no two processes ever write: a second Open fails with an ErrLocked
	// that names the holder, within a second.
	//
	// Errors: ErrLocked, ErrCorrupt, ErrNoSpace, plugins.ErrInvalidConfig,
	// plugins.ErrWrongIdentity.
	Open(ctx context.Context, opts plugins.Options) (State, error)

	// Append makes batches durable, in order, with as few syncs as possible:
	// one for all of them if it can. It returns nil only when all of them are
	// durable. It is never called concurrently with itself or with
	// InstallSnapshot.
	//
	// Any error means that the outcome is unknown and that the store is
	// poisoned: every later call but Close fails with plugins.ErrClosed. The
	// exceptions, which leave the store as it was: plugins.ErrInvalidArgument
	// (a gap, or entries not contiguous) and plugins.ErrLimit.
	Append(ctx context.Context, batches []Batch) error

	// Read returns the entries of [lo, hi), stopping when they would exceed
	// maxBytes but never before the first. Errors: ErrCompacted if lo is below
	// the first index, ErrUnavailable if hi is beyond last index plus one,
	// ErrCorrupt.
	Read(ctx context.Context, lo, hi, maxBytes uint64) ([]Entry, error)

	// Compact gives up entries up to and including index, which is at most
	// the index of the newest installed or saved snapshot. It takes effect at
	// once for readers and is durable before it returns; space is freed
	// later. It returns the new first index. Compacting what is already gone
	// does nothing.
	Compact(ctx context.Context, index uint64) (first uint64, err error)

	// CreateSnapshot starts a snapshot. Nothing is visible until the writer's
	// Commit. With received set the snapshot stays aside: it can be opened,
	// but is not listed and is gone after a restart, until InstallSnapshot.
	// Of the visible ones the backend keeps the newest two.
	CreateSnapshot(ctx context.Context, meta SnapshotMetadata, received bool) (SnapshotWriter, error)

	// OpenSnapshot opens the snapshot at index, or the newest visible one if
	// index is 0. Errors: ErrNoSnapshot, ErrCorrupt (possibly only at the end
	// of reading: a reader that reaches io.EOF has verified everything).
	OpenSnapshot(ctx context.Context, index uint64) (SnapshotReader, error)

	// ListSnapshots returns the visible snapshots, oldest first.
	ListSnapshots(ctx context.Context) ([]SnapshotInfo, error)

	// InstallSnapshot makes the received snapshot at index the start of the
	// log: atomically, the log becomes empty with FirstIndex index+1, the
	// hard state becomes hs, and the snapshot becomes visible. It is durable
	// on return. Errors: ErrNoSnapshot and plugins.ErrInvalidArgument (the log has
	// passed the snapshot, or hs is not of its time) leave the store as it was;
	// others poison it as in Append.
	InstallSnapshot(ctx context.Context, index uint64, hs HardState) error

	// Close waits for background work, then releases the lock. After it
	// returns, or when ctx ends, the process may be killed. Close twice is
	// harmless.
	Close(ctx context.Context) error
}

// SnapshotWriter receives a snapshot's bytes. Exactly one of Commit and Abort
// must be called; it is not safe for concurrent use.
type SnapshotWriter interface {
	io.Writer
	// Commit makes the snapshot durable and visible: data synced, renamed
	// into place, directory synced.
	Commit() (SnapshotInfo, error)
	// Abort removes what was written. After Commit it does nothing.
	Abort() error
}

// SnapshotReader reads a snapshot's bytes. Read returns io.EOF only if the
// checksum over the whole was right; otherwise ErrCorrupt.
type SnapshotReader interface {
	io.ReadCloser
	Info() SnapshotInfo
}
