package node

import (
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Output is what came out of a Core: work for others, in order within each
// slice.
type Output struct {
	Appends   []Append
	Applies   []Apply
	Messages  []transport.Envelope
	Snapshots []SnapshotSend
	Reads     []Read
	Fetches   []Fetch
	// Refused are membership changes that raft would not take: another one
	// was pending.
	Refused []RequestID
	// Rejected are proposals of this node that the leader has refused, or that were
	// lost with a leader: they are in no log and never will be.
	Rejected []Rejection
	// Returned are proposals of this node that the leader has refused for what
	// passes. They may be handed in again.
	Returned []Proposal
	// Unanswered are forwarded proposals without an answer for an election timeout
	// after a loss on the way to the leader, though the leader was heard. They are sent
	// again and again; their outcome may come out later.
	Unanswered []RequestID
	// SnapshotWanted tells that a new member can be caught up only by a
	// snapshot newer than the newest: that one does not know it.
	SnapshotWanted bool
	// StateChanged tells that leader, term or role may have changed.
	StateChanged bool
}

// Rejection is why proposals have no effect.
type Rejection struct {
	IDs []RequestID
	Err error
}

// Append is one batch for the storage plugin. AppendDone(Number) follows when
// it is durable.
type Append struct {
	Number uint64
	// Install, if set, comes first: the received snapshot at its index
	// becomes the start of the log, with the batch's hard state; the state
	// machine is to be restored from it before any later Apply.
	Install *storage.SnapshotMetadata
	Batch   storage.Batch
}

// Apply is a run of committed entries. For raft they are applied: nothing is
// heard of it again. Until the state machine has them they are in the log, which
// is compacted only up to a snapshot.
type Apply struct {
	// First and Last bound the run, Term is the last entry's.
	First, Last, Term uint64
	// Commands are the entries with a client's data. Bytes is their size, and
	// that of what surrounds each on the way.
	Commands []Command
	Bytes    uint64
	// Changes are the membership changes among them, accepted or not.
	Changes []ChangeResult
	// Switch is the version to which the last entry switches the commands after it; 0 if it
	// does not. A run ends with a switch, so all its commands have one version.
	Switch uint32
	// Check: the last entry is a check of the state. A run ends with it.
	Check bool
	// Before is the membership before the run, Registry that after it.
	Before, Registry *member.Registry
}

// Ends tells whether the last entry ends a batch of the state machine.
func (a *Apply) Ends() bool { return a.Switch > 0 || a.Check }

// Command is one entry for the state machine.
type Command struct {
	ID          RequestID
	Index, Term uint64
	// Stamp is the clock of the leader that appended it, in milliseconds since 1970; 0
	// if it has none. The time of an entry is the largest stamp up to it.
	Stamp uint64
	// Tick: it has no data, and no client; see Core.SetTimer.
	Tick bool
	Data []byte
}

// ChangeResult is what became of a membership change.
type ChangeResult struct {
	ID RequestID
	// Index and Term are those of the change's entry.
	Index, Term uint64
	Err         error
}

// SnapshotSend asks for a snapshot to be sent: the one at Index, announced by
// Message and Announce. SnapshotStatus(To, …) follows exactly once, unless raft
// asks for another one to the same peer before: then that of the newest alone does.
type SnapshotSend struct {
	To      member.ID
	Index   uint64
	Message []byte
	// StateOnly: it is for the receiver's state machine, and no part of what raft
	// does. StateSent follows instead.
	StateOnly bool
	// Kept is what To keeps of a snapshot, this one or another.
	Kept Kept
}

// Read is the answer to a ReadIndex.
type Read struct {
	Context []byte
	Index   uint64
}

// Fetch asks for entries [Lo, Hi) to be read from the storage plugin, as many
// as fit MaxBytes. Fetched follows exactly once.
type Fetch struct{ Lo, Hi, MaxBytes uint64 }

// fetchBytes is the size of the window that serves a slow follower. At times
// the next window and the messages made of both are in memory as well, and as
// much again until it is collected.
const fetchBytes = 4 << 20
