package server

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

type (
	// NodeID identifies a member; its text form is lower-case hex.
	NodeID = member.ID
	// Member is one member of the cluster.
	Member = member.Member
)

// ParseNodeID reads the hex form of an id.
func ParseNodeID(s string) (NodeID, error) { return member.ParseID(s) }

// Service is what a host offers to its clients; internal/api serves it. All
// methods may be called concurrently, at any time between the host's start and
// the end of its stop; errors are those of errors.go.
type Service interface {
	// Propose replicates data and waits for the state machine's result, or
	// until ctx ends, or until the request timeout has passed.
	Propose(ctx context.Context, data []byte) (Result, error)
	// ProposeAsync is Propose without waiting: done is called exactly once,
	// possibly before ProposeAsync returns, from any goroutine, and must not
	// block. A timeout of 0 means the request timeout. The service keeps nothing
	// of data: it is the caller's again when ProposeAsync returns.
	ProposeAsync(data []byte, timeout time.Duration, done func(Result, error))
	// Full says why a proposal with so many bytes of data would be refused for want
	// of room; nil if it may be proposed. Its caller refuses it then, and it counts
	// as refused. Full waits for nothing.
	Full(bytes int) error
	// Query asks the state machine.
	Query(ctx context.Context, data []byte, c Consistency) (Answer, error)
	// QueryStream asks the state machine for an answer in chunks. It calls begin once,
	// with the applied index that the answer reflects at least and the history that it is
	// of, and then send with one
	// chunk after the other, none of them empty. Both may wait for the client, until the
	// context that begin was given ends: the state machine is needed back then. Their
	// errors end the answer and are returned. A chunk is send's until that returns. The answer is
	// whole if the error is nil. Until begin is called it has the time of a Query, and
	// after that as long as ctx, as long as the state machine gets on. Errors are those of
	// Query.
	QueryStream(ctx context.Context, data []byte, c Consistency, begin func(until context.Context, from Place) error, send func(chunk []byte) error) error
	// ReadBarrier returns when every write that was acknowledged before the call is
	// applied here, with an index that is applied and not before any of them. Like a
	// linearizable query it needs a quorum; it asks no state machine. Errors are those
	// of reads: definite, because a read has no effect.
	ReadBarrier(ctx context.Context) (index uint64, err error)
	// Status tells what this member knows of itself and its plugins.
	Status() Status
	// Membership returns the members as of the applied index.
	Membership() Membership
	// CurrentMembership returns the members with every change that was answered
	// before the call. Like a linearizable query, it needs a quorum.
	CurrentMembership(ctx context.Context) (Membership, error)
	// AddMember adds m and waits until the change is applied here. It comes as
	// a learner, and becomes a voter by itself when it was reached and has
	// caught up, unless m.Learner says that it is to stay one. Adding a learner
	// again without m.Learner makes it a voter if it has caught up. A zero m.ID
	// is replaced by a random one.
	AddMember(ctx context.Context, m Member, o ChangeOptions) (Membership, error)
	// UpdateMember gives the member with m.ID another name or other addresses and
	// waits until the change is applied here. Fields that are empty in m stay as
	// they are, and whether it is a learner does too. Other peer URLs of a voter
	// are refused (ErrQuorumAtRisk) if it is not reached under them yet and the
	// voters that are reached would be no majority without it. The same update
	// twice is as one.
	UpdateMember(ctx context.Context, m Member, o ChangeOptions) (Membership, error)
	// RemoveMember removes a member and waits until the change is applied
	// here. It is refused (ErrQuorumAtRisk) if the voters that can be reached
	// would be no majority of those that stay. Removing a member that a quorum
	// does not know does nothing.
	RemoveMember(ctx context.Context, id NodeID, o ChangeOptions) (Membership, error)
	// TransferLeader hands leadership to the given member, or, if to is 0, to
	// one that is there to take it, and waits until there is a new leader.
	TransferLeader(ctx context.Context, to NodeID) (NodeID, error)
	// PluginLines returns lines that a plugin of this member has written, in their
	// order, and since when they are numbered: ErrUnknownPlugin if there is no such
	// plugin.
	PluginLines(which PluginLines) (lines []PluginLine, since time.Time, err error)
	// RestartPlugin replaces the process of a plugin of this member by a new one, and
	// returns how the plugin is when the new one serves. The new process is started and
	// describes itself before the old one is ended: if that fails, the error is
	// ErrPluginRefused and the old one goes on. A member that leads hands the leadership
	// over before its storage is restarted. The next state machine is brought to the applied
	// index beside the one that runs, if it can.
	RestartPlugin(ctx context.Context, kind, name string) (PluginStatus, error)
	// UpgradePlugin is RestartPlugin with the version that the lock of the plugin's catalog
	// pins now, which has to be to, if that is not empty: a version, or the beginning of its
	// sum. A version that lacks what the one before has is refused (ErrPluginRefused). If it
	// does not get as far as serving, the one before is started again (ErrRestartFailed).
	UpgradePlugin(ctx context.Context, kind, name, to string) (PluginUpgrade, error)
	// MoveStorage begins to move the store of this member to the storage that its own
	// configuration has as the next one, and returns when the node has handed the leadership
	// over and begins to end; Status tells how it goes on. If a move is under way, or is
	// done, it says so and does nothing. A move that is refused leaves the storage that runs as it is
	// (ErrPluginRefused).
	MoveStorage(ctx context.Context, ask StorageMoveRequest) (StorageMove, error)
	// ReadSnapshot gives a snapshot of this member to send: begin is called once, and then
	// chunk with one part of the content after the other, which is its callee's until that
	// returns. Both may wait for the client. Their errors end the call and are returned. The
	// snapshot is whole if the error is nil. It has every write that was acknowledged before
	// the call; for that the member makes one, if need be, which has the time of ctx. With
	// newest it is the newest one that the member has. ErrTooManyRequests: this member gives one
	// to another client. ErrNoSnapshot: newest was asked for, and there is none.
	ReadSnapshot(ctx context.Context, newest bool, begin func(SnapshotInfo) error, chunk func([]byte) error) error
	// Live reports whether the raft goroutine ticked lately.
	Live() error
	// Ready reports whether this member can serve: it is live, knows a leader,
	// what is proposed gets committed, a plugin of each kind is ready, and it is
	// not stopping. The error says what is missing.
	Ready() error
}

// Result is what became of an applied proposal.
type Result struct {
	// Index and Term are those of the proposal's entry.
	Index, Term uint64
	Data        []byte
	// Error is the state machine's own refusal.
	Error string
	// Lost: applied, but the state machine restarted and the result with it.
	Lost bool
}

// Consistency says how fresh a query's answer must be.
type Consistency int

// The consistency levels.
const (
	// Linearizable: reflects every write acknowledged before the query.
	Linearizable Consistency = iota
	// Stale is the state that this member has.
	Stale
)

// Answer is a query's answer and the applied index it reflects at least.
type Answer struct {
	Data  []byte
	Index uint64
}

// Place is a place in the history of a cluster.
type Place struct {
	Index uint64
	// History is the cluster's number, which names the history.
	History uint64
}

// Membership is an immutable view of who belongs to the cluster.
type Membership struct {
	ClusterID uint64
	// Members in the order of their ids.
	Members []Member
	// Leader is 0 if none is known.
	Leader NodeID
	// Index and Term are those of the entry of the change that this is the answer
	// to; 0 if it is the answer to a question.
	Index, Term uint64
}

// ChangeOptions say how careful a membership change is.
type ChangeOptions struct {
	// Force leaves out the question whether a quorum can be reached afterwards,
	// and adds a voter as one at once. It is for those who know better.
	Force bool
}

// Status is what a member knows of itself.
type Status struct {
	ClusterID uint64
	ID        NodeID
	Name      string
	// Role is leader, follower, candidate, pre_candidate, learner, or none
	// while raft is not running.
	Role   string
	Leader NodeID
	Term   uint64
	Commit, Applied, FirstIndex, LastIndex,
	SnapshotIndex uint64
	Plugins  []PluginStatus
	Progress []PeerProgress
	Version  string
	// Links are the other members, in the order of their ids.
	Links []PeerLink
	// Warnings are what is not well though this member runs.
	Warnings []Warning
	// Uncommitted is the age of the oldest entry that this member, or the
	// leader by its word, has and does not know to be committed; 0 if
	// everything is.
	Uncommitted time.Duration
	// Level is the feature level of the cluster, LevelUnderstood the highest one
	// that this member understands.
	Level, LevelUnderstood uint64
	// CommandVersion is the version by which the state machines of the cluster apply
	// commands, CommandVersions those that this member's applies; nil if that is not known.
	CommandVersion  uint32
	CommandVersions *plugins.Versions
	// Durable is the index up to which the state on the state machine's disk survives a
	// loss of power, by its word; nil if it says none.
	Durable *uint64
	// Quarantine says over which entry this member is quarantined; nil if it is not.
	Quarantine *Quarantine
	// StorageMove is the last move of the store to another storage; nil if there was none in
	// the life of this host.
	StorageMove *StorageMove
	// TickAge is how long ago raft's clock advanced; 0 while there is no node.
	TickAge time.Duration
}

// Warning is one thing that is not well.
type Warning struct {
	// Reason is a stable word; those of this package are in health.go.
	Reason string
	// Text says it to people, with numbers.
	Text string
}

// PeerLink is how this member reaches another one.
type PeerLink struct {
	ID NodeID
	// Transport is the plugin that carries the next message; empty if none can.
	Transport string
	// Active: that plugin has a connection to the peer, by its own word.
	Active bool
	// Apart is for how long no plugin has had a connection to the peer; 0 if one has.
	Apart time.Duration
	// Usable are the plugins that the peer has a URL for, the preferred one
	// first.
	Usable []string
	// Error says why no plugin can; empty otherwise.
	Error string
}

// PluginStatus is the state of one plugin.
type PluginStatus struct {
	Kind, Name, Version string
	PID                 int
	// State is starting, ready, backoff, failed or stopped.
	State string
	// Attached: it was started elsewhere, and not by the host.
	Attached  bool
	Restarts  int
	LastError string
	// Missed counts the probes of the host that were not answered in time.
	Missed uint64
	// Held is for how long the host took nothing from it because it had told too much.
	Held time.Duration
	// Warning is what is not well with a plugin that works all the same: the
	// storage is short of space, or a transport is held up. Empty if there is nothing.
	Warning string
	// Work is the plugin's long work, by its own word; nil if it has none.
	Work *Work
	// Record is the record of what the host and the plugin say to each other; nil if there is
	// none.
	Record *PluginRecord
	// Generation is the number of its present process, or of the last one; 0 before
	// there was one. LastExit is how the last process that has ended did.
	Generation int
	LastExit   string
	// Paused, in the answer to a restart of the state machine, is why the one before was ended
	// before the next one was open; empty if that one took its place without a pause.
	Paused string
}

// PluginRecord has the figures of a plugin's record.
type PluginRecord struct {
	Path string
	// Bytes were written since the host started, and Gaps is how often something is missing.
	Bytes, Gaps uint64
	// Failure says why nothing is written at the moment; empty if something is.
	Failure string
}

// PluginLines says which lines are asked for.
type PluginLines struct {
	// Kind is that of the plugin. Name is its name; it may be empty if there is one
	// plugin of that kind.
	Kind, Name string
	// After is the number that their numbers are above. Most is the most lines, the
	// newest ones; 0 means all that are kept.
	After uint64
	Most  int
}

// PluginLine is a line that a plugin has written.
type PluginLine struct {
	// Number counts the lines of the plugin from 1.
	Number uint64
	Time   time.Time
	PID    int
	// Stream is stderr, stdout or host.
	Stream, Text string
}

// Work is long work of a plugin, by its own word.
type Work struct {
	What     string
	Progress uint64
	// For is how long it has been busy, and Still for how long Progress has not risen.
	For, Still time.Duration
}

// PeerProgress is the leader's view of a follower.
type PeerProgress struct {
	node.Progress
	// Stalled is the time of StalledTicks, Silent that of SilentTicks.
	Stalled, Silent time.Duration
}
