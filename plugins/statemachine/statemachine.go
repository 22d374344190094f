package statemachine

import (
	"context"
	"errors"
	"io"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// The wire types are the contract's types.
type (
	// Entry is a committed entry for the application. Data is immutable, and the
	// application may keep it, or slices of it. Term is that of the leader that
	// appended the entry.
	//
	// Time is the time of the entry in milliseconds since 1970, UTC, and the only
	// clock that Apply may go by. An author may rely on this: it is the same on every
	// replica, in a replay, and after a restore; it is never less than that of an
	// entry before, also after a change of leader; and it fits 48 bits, so sums with
	// it do not overflow. It is near the clocks that a majority of the voters have:
	// by default no farther than 10 s and two election timeouts
	// (raft.max_clock_difference) if these are right.
	//
	// An author must not rely on more. Many entries may have the same time, and while
	// the leader's clock is behind the last one's it stands still. It may jump ahead,
	// as after a week in which nothing was written. Between two entries no time
	// passes: what has expired is gone with the next entry. Time is 0 while
	// the cluster has none, because it has members of a build before stamps or
	// is younger than a few heartbeats: no deadline may be counted from 0.
	//
	// An entry with Tick set has no data, and is there for its time alone: see Timer.
	Entry = pluginv1.ApplyEntry
	// Result is what applying an entry gave. Data and Error must be the same
	// on every replica; Error is the application's own refusal and not a
	// failure of the plugin. They have at most plugins.MaxResultBytes together:
	// of what is longer the proposer learns that it was applied and left out.
	Result = pluginv1.ApplyResult
)

// Errors of the contract. See also those of package plugins.
var (
	// ErrInvalidQuery: the query's bytes make no sense to the application.
	// Query returns it; the client is told, and nothing else follows.
	ErrInvalidQuery = errors.New("invalid query")
	// ErrBadSnapshot: the bytes given to Restore are not a snapshot of this
	// application, or of a format that it does not know. Restore returns it,
	// and the host does not offer the same snapshot again.
	ErrBadSnapshot = errors.New("unusable snapshot")
)

// Batch is a run of committed entries.
type Batch struct {
	// Entries ascend in index, with gaps where the host kept an entry for
	// itself (a membership change, a leader's empty entry).
	Entries []Entry
	// Through is the applied index after the batch: at least the last
	// entry's. A batch without entries only moves the applied index.
	Through uint64
	// NoResults says that no client waits for the results: Data and Error need
	// not be made, and are dropped if they are. It must not change the state.
	NoResults bool
	// Version is the version by which all entries are to be applied, also those of a
	// client that knows another one: what a command means is a function of the version
	// and of the command. It is a function of the log, so it is the same on every replica
	// and in a replay. It is never less than that of a batch before, and the state
	// machine has announced it in Info.CommandVersions, unless it skips all entries.
	//
	// It begins at 0. Once the state machine of every member has announced a greater one,
	// the leader's host writes into the log that it holds from there on. A state machine
	// that takes a decision by its own build instead parts from replicas of other builds.
	Version uint32
	// Hash: StateHash is asked after the batch. It is nothing to Apply.
	Hash bool
}

// StateMachine is implemented by applications, and by the host's end of the
// RPC connection to one.
//
// Apply, PrepareSnapshot and Restore are never called concurrently with each
// other; Query and Snapshot methods may run concurrently with everything
// except Restore.
type StateMachine interface {
	// Describe says what the application is. It may be called before Open.
	Describe() plugins.Info

	// Open makes the application ready and returns the index up to which its
	// state reflects the log; 0 if it kept nothing. Errors:
	// plugins.ErrInvalidConfig, plugins.ErrWrongIdentity.
	Open(ctx context.Context, opts plugins.Options) (applied uint64, err error)

	// Apply applies a batch and returns one result for each entry, in order.
	// Entries at or below the applied index are skipped and answered with
	// Result.Skipped: the host replays after a restart. A batch has at most
	// plugins.MaxBatchEntries entries.
	//
	// An Apply is never cancelled: ctx ends only with the process. An error
	// means that the plugin cannot go on (not that the application refuses:
	// that is Result.Error); the host kills it and replays.
	Apply(ctx context.Context, b Batch) ([]Result, error)

	// Query answers a read of the state as it is now: the host has made sure
	// that what must be applied is. It has no effect. The bytes of the answer do not
	// change after it.
	Query(ctx context.Context, data []byte) ([]byte, error)

	// PrepareSnapshot fixes the present state for a snapshot and returns at
	// once: later entries must not show in it. It may hold a copy-on-write
	// view; several may exist at a time.
	PrepareSnapshot(ctx context.Context) (Snapshot, error)

	// Restore replaces the whole state by the snapshot read from r, which was
	// taken at index. On error the state is undefined and the host starts the
	// plugin anew. Errors: ErrBadSnapshot.
	Restore(ctx context.Context, index uint64, r io.Reader) error

	// Close ends it. Close twice is harmless.
	Close(ctx context.Context) error
}

// Snapshot is a state fixed by PrepareSnapshot.
type Snapshot interface {
	// Index is the applied index that the snapshot reflects.
	Index() uint64
	// Save writes the state to w. It may take long and runs concurrently with
	// Apply. It is called at most once. The bytes written when it returns nil
	// are the whole state: the adapter vouches for its length and CRC-32, and
	// the host keeps nothing that does not fit them.
	Save(ctx context.Context, w io.Writer) error
	// Release drops the view. It is called once, after Save or instead of it.
	Release()
}
