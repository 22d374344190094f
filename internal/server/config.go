package server

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	clients "github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Config is what a Server is made from. The host fills in the defaults of what is not
// configured: here a number has no default.
type Config struct {
	ClusterID uint64
	ID        member.ID
	Name      string
	Version   string
	// Tick and Election are raft's timings; every timeout follows from them.
	Tick, Election time.Duration
	Limits         plugins.Limits
	// MaxValueBytes is the largest proposal. It is never more than fits into an entry of
	// Limits, which peers would refuse.
	MaxValueBytes int
	// MaxPending and MaxPendingBytes bound the proposals that wait for an answer.
	MaxPending      int
	MaxPendingBytes int64
	// SnapshotEntries and SnapshotBytes are how much may be applied before the
	// next snapshot. CatchUpEntries stay in the log before a snapshot, for followers a
	// little behind, but not more than CatchUpBytes of them.
	SnapshotEntries, SnapshotBytes, CatchUpEntries, CatchUpBytes uint64

	// Rehearse restores the state of a snapshot, which is read from r to its
	// end, into a second state machine; nil if that cannot be done. It is asked
	// for each snapshot if RehearseAll is set, and otherwise for the next one after
	// one that could not be restored.
	Rehearse    func(ctx context.Context, index uint64, r io.Reader) error
	RehearseAll bool
	// StateMachine starts the state machine plugin and opens it.
	StateMachine StateMachineSource
	// Plugins reports the state of all plugins; Ready asks too.
	Plugins func() []PluginStatus
	// PluginLines are lines that a plugin has written; Service says which.
	PluginLines func(which PluginLines) ([]PluginLine, time.Time, error)
	// RestartPlugin restarts one plugin; see Service.
	RestartPlugin func(ctx context.Context, kind, name string) (PluginStatus, error)
	// UpgradePlugin upgrades one plugin; see Service.
	UpgradePlugin func(ctx context.Context, kind, name, to string) (PluginUpgrade, error)
	// MoveStorage begins to move the store of this member to another storage, or tells how far
	// that is; StorageMove is the last move, nil if there was none. Both may be nil.
	MoveStorage func(ctx context.Context, ask StorageMoveRequest) (StorageMove, error)
	StorageMove func() *StorageMove
	// MachineOnTrial tells whether the state machine is a new version that has not served
	// yet: if it fails, another try is made with the one before. It may be nil.
	MachineOnTrial func() bool
	// Links tells how peers are reached; nil if that is not known.
	Links func() []PeerLink
	// Ping asks whether a member answers under its peer URLs, nil, or not. It is an
	// error that wraps transport.ErrCannotPing if no transport can ask. It returns soon
	// after ctx has ended; nil is the same for every member.
	Ping func(ctx context.Context, m member.Member) error
	// Certificates tells which certificates of the host end; may be nil.
	Certificates func() []Warning
	// Appends tells of those that the storage has and has not acknowledged: the age of the
	// oldest, and the bytes of all; may be nil.
	Appends func() (oldest time.Duration, bytes uint64)
	// Fitness tells what makes this member unfit to lead; may be nil.
	Fitness func() []Unfit
	Logger  *slog.Logger
	// RefusedConnections counts clients' connections that were too many; may be
	// nil.
	RefusedConnections func() uint64
	// Access decides what clients may do; nil if they may do everything.
	Access *clients.Guard
	// Exposed says which members' ports have callers that prove nothing; may be nil.
	Exposed func() []string
	// Late is for how long the host was not there for its plugins; may be nil.
	Late func() time.Duration
	// NoteParting keeps beside the storage that the state has parted at the check at index, and
	// why, for Suspect at the next start; index 0 ends that. It does not wait for the disk. It may be nil.
	NoteParting func(index uint64, why string)
	// Log tells how it goes with the log; nil if that is not known.
	Log LogState
	// Audit is the record of what clients ask for; nil if there is none.
	Audit *audit.Log
	// Timings are registered with Metrics; nil means new ones.
	Timings *Timings
	// Metrics is where the server's metrics are registered; may be nil.
	Metrics prometheus.Registerer
}

// StateMachineSource starts state machines.
type StateMachineSource interface {
	// Start returns a state machine that is open, and the index that it has
	// applied. It waits out a restart backoff. An error that cannot be helped
	// by trying again wraps ErrPermanent; one that says only that the state machines before
	// have ended too often wraps ErrCrashLoop too.
	Start(ctx context.Context) (RunningStateMachine, error)
	// Beside opens the state machine that was prepared to be the next one, beside the one that
	// runs, whose place it takes with TakePlace. Where two cannot be open at once the error wraps
	// ErrNotBeside, and Start takes that one.
	Beside(ctx context.Context) (RunningStateMachine, error)
	// Forgive forgets how the state machines before have ended: the next Start does not
	// wait for that, nor is it refused. A quarantined member asks for it before each try.
	Forgive()
}

// RunningStateMachine is an open state machine and the end of its process.
type RunningStateMachine interface {
	statemachine.StateMachine
	// Applied is the index that it had applied when it was opened.
	Applied() uint64
	// Done is closed when the process has ended, or was declared hung.
	Done() <-chan struct{}
	// Err says how it ended, once Done is closed.
	Err() error
	// FromOutside tells, once Done is closed, whether something ended the process that
	// nothing which it was asked to do explains: an operator, the kernel for want of
	// memory, or its host because it did not answer probes.
	FromOutside() bool
	// Fail ends the process for a reason.
	Fail(reason error)
	// TakePlace makes one that Beside has opened the one that runs; false if it has ended.
	TakePlace() bool
	// Progressed says that it has applied what none before it had.
	Progressed()
	// Retire closes it by its contract and ends its process, so that another one can be
	// started at once. It waits for that, within limits of its own.
	Retire()
}

// RequestTimeout is how long a request may take: five seconds plus two
// elections, so that it survives a failed one (statement A2).
func RequestTimeout(election time.Duration) time.Duration { return 5*time.Second + 2*election }
