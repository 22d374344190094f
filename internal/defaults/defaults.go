// Package defaults is the table of what holds where nothing is configured: the
// configuration shows it to operators, and the host uses it for programs that
// embed it. A number that both use is here and nowhere else. Packages fill in their own
// defaults with Or.
package defaults

import "time"

const (
	// Tick is raft's unit of time, and Election how long a follower waits for
	// its leader.
	Tick = 100 * time.Millisecond
	// Election is ElectionTicks ticks.
	Election = ElectionTicks * Tick
	// ElectionTicks is Election where only the tick is configured.
	ElectionTicks = 10

	// SnapshotEntries and SnapshotBytes are how much log follows a snapshot
	// before the next one is taken. A snapshot costs as much as the whole state,
	// so it should be rare against the writes in between; a state machine that
	// died replays what follows the snapshot, so it must not be too rare. 100,000
	// entries replay in seconds, and 256 MiB keeps that true for large values.
	SnapshotEntries = 100_000
	// SnapshotBytes: see SnapshotEntries.
	SnapshotBytes = 256 << 20
	// CatchUpEntries stay in the log below a snapshot's index, for slow
	// followers, but no more than CatchUpBytes of them.
	CatchUpEntries = 5000
	// CatchUpBytes: see CatchUpEntries.
	CatchUpBytes = 1 << 30
	// ClockDifference is how far an entry's time may be from the clocks of a majority.
	ClockDifference = 10 * time.Second
	// MaxInflightAppends is how many batches are on their way to the storage.
	MaxInflightAppends = 2

	// MaxValueBytes is the largest proposal.
	MaxValueBytes = 3 << 19
	// MaxPending and MaxPendingBytes bound the proposals that wait for an
	// answer.
	MaxPending = 20_000
	// MaxPendingBytes is twice what a leader has under way of its own clients'
	// (windowBytes in internal/node): proposals that wait beyond that are for bursts,
	// and grow old before it is their turn.
	MaxPendingBytes = 32 << 20
	// MaxStreams are the Proposals streams of all clients of a host, MaxCalls the
	// other requests that are being answered.
	MaxStreams = 512
	// MaxCalls: see MaxStreams.
	MaxCalls = 1024

	// MaxBatchBytes and MaxChunkBytes are what a host sends its plugins at most
	// in a batch of entries and in a piece of a snapshot.
	MaxBatchBytes = 1 << 20
	// MaxChunkBytes: see MaxBatchBytes.
	MaxChunkBytes = 256 << 10

	// AuditFileBytes is how long a file of the audit grows, and AuditFiles how many
	// are kept: a gibibyte in all, which has about two million requests.
	AuditFileBytes = 64 << 20
	// AuditFiles: see AuditFileBytes.
	AuditFiles = 16
)

// Or puts the default in the place of a number that is not set, or below 0.
func Or[T int | int64 | uint32 | time.Duration](v *T, byDefault T) {
	if *v <= 0 {
		*v = byDefault
	}
}
