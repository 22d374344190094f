package core

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/logsink"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// Config is what a Host is made from. Zero values mean the defaults where one is
// named here, and those of the host's configuration (docs/configuration.md) for the
// numbers; WithDefaults shows them. Words, as those of roles, are the words of that
// configuration, and New refuses others, as it does numbers that are OutOfBounds.
type Config struct {
	// ClusterID is the same on all members, and ID tells this member apart; neither
	// is 0.
	ClusterID, ID uint64
	// Name is the member's for people, Version that of the program which runs it.
	Name, Version string
	// DataDir holds one folder for each plugin; it is created with mode 0700.
	DataDir string
	// RuntimeDir is the parent of the directory for the sockets of plugins. It is
	// created if it is missing; New refuses a path that is too long. Empty means the
	// system's directory for temporary files.
	RuntimeDir string
	// Members are the cluster's members as configured, in the order of their
	// ids, this one among them. With Bootstrap they found the cluster if the
	// store is empty; otherwise they only say whom to ask.
	Members   []MemberConfig
	Bootstrap bool

	Tick, Election  time.Duration
	SnapshotEntries uint64
	SnapshotBytes   uint64
	CatchUpEntries  uint64
	CatchUpBytes    uint64
	// RehearseSnapshots has each snapshot of this member's own state restored
	// into a second state machine plugin before it is stored.
	RehearseSnapshots  bool
	MaxInflightAppends int
	// MaxClockDifference is how far the time of an entry may be from the clocks of a
	// majority of the voters when it is appended, besides two election timeouts, for which
	// what is known of the clocks may be old. Beyond that the leader's clock does not count.
	MaxClockDifference time.Duration
	Limits             plugins.Limits

	MaxValueBytes   int
	MaxPending      int
	MaxPendingBytes int64
	// HostNames are names, besides addresses and the members' own, under which the
	// client and the admin port may be addressed by HTTP/1.1. A name that begins with
	// a dot stands for all names below it, "*" for all names.
	HostNames []string
	// Access says which clients may do what; nil lets all of them do everything.
	Access *AccessConfig
	// ClientTLS and AdminTLS protect the client and the admin port; without, they
	// must be on loopback, unless ClientInsecure or AdminInsecure is set.
	ClientTLS, AdminTLS           TLSConfig
	ClientInsecure, AdminInsecure bool
	// MaxConnections bounds the connections of clients, by default 1024. It is never
	// more than the limit of descriptors allows beside a reserve for plugins.
	MaxConnections int
	// MaxStreams bounds the Proposals streams of all clients together, MaxCalls
	// their other requests that are being answered.
	MaxStreams, MaxCalls int
	// ClientAddress and AdminAddress are listened on; no admin port if empty.
	ClientAddress, AdminAddress string

	// Audit says of which requests of clients a record is kept, and how.
	Audit AuditConfig

	Storage, StateMachine PluginConfig
	// NextStorage is where the store of this member is moved to when a client asks for it;
	// nil if nowhere. It and Storage have names, by which a host that is started again finds
	// the one that has the store. NextStorageNow, if it is not nil, is asked when a move is
	// asked for, so that a host need not be started again for another NextStorage.
	NextStorage    *PluginConfig
	NextStorageNow func() (*PluginConfig, error)
	// Transports are the transport plugins in the order of preference: one, or
	// while the cluster moves from one to another, both. No two may serve URLs
	// of one scheme (transport.Scheme). A transport for which a peer has no
	// URL, or that has no connection to it, leaves it to the next.
	Transports []TransportConfig

	// Backends are those that this program has compiled in: a plugin that is one of
	// them runs inside the host, or in a process of Executable, which serves one when
	// it is started with the arguments "plugin-serve KIND NAME" (package sdk). It is
	// the running program by default.
	Backends   []backend.Backend
	Executable string

	// Logger gets what the host and its plugins have to say. Nothing of the host
	// waits for its handler, which may be as slow as it likes: a goroutine hands
	// records on, and what comes while 8192 wait is dropped and counted. Enabled
	// is asked at once and must not wait.
	Logger *slog.Logger
	// level is for tests: the feature level of another build. 0 means
	// member.Level.
	level uint64
	// certificateLook is for tests: how often the files of certificates are looked at. 0
	// means each ten seconds.
	certificateLook time.Duration
	// clock is for tests: another wall clock than that of the system.
	clock func() uint64
	// Log tells how it goes with what Logger writes to, for a Logger that is
	// known not to wait, as the host program's (package logsink): the raft
	// goroutine logs (law 1). Nil if that is not known.
	Log LogState
	// Metrics is where metrics are registered and gathered; a new registry if
	// nil.
	Metrics *prometheus.Registry
}

// LogState tells how it goes with a log that is written by itself. Its methods do not
// wait.
type LogState interface {
	// Dropped counts the lines that were dropped since the start.
	Dropped() uint64
	// Stuck is the age of the oldest line that is not written yet; 0 if all are.
	Stuck() time.Duration
}

// Errors that end a host.
var (
	// ErrRemoved: the cluster has removed this member. A host that learns it
	// ends with it, and one that is started later too.
	ErrRemoved = errors.New("this member was removed from the cluster")
	// ErrForced: the time of a stop, or of a start that was broken off, was
	// over before the parts that it names had ended.
	ErrForced = errors.New("stop was forced")
)

// progressTimeout is how long a snapshot on its way to a peer may stand still,
// the wait for the peer's verdict included.
func progressTimeout(election time.Duration) time.Duration { return 30*time.Second + 2*election }

// WithDefaults returns c with the defaults in the place of what is zero, as New does.
func (c Config) WithDefaults() Config {
	c.Tick = cmp.Or(c.Tick, defaults.Tick)
	c.Election = cmp.Or(c.Election, defaults.ElectionTicks*c.Tick)
	c.MaxClockDifference = cmp.Or(c.MaxClockDifference, defaults.ClockDifference)
	c.SnapshotEntries = cmp.Or(c.SnapshotEntries, defaults.SnapshotEntries)
	c.SnapshotBytes = cmp.Or(c.SnapshotBytes, defaults.SnapshotBytes)
	c.CatchUpEntries = cmp.Or(c.CatchUpEntries, defaults.CatchUpEntries)
	c.CatchUpBytes = cmp.Or(c.CatchUpBytes, defaults.CatchUpBytes)
	c.MaxInflightAppends = cmp.Or(c.MaxInflightAppends, defaults.MaxInflightAppends)
	c.MaxValueBytes = cmp.Or(c.MaxValueBytes, defaults.MaxValueBytes)
	c.MaxPending = cmp.Or(c.MaxPending, defaults.MaxPending)
	c.MaxStreams = cmp.Or(c.MaxStreams, defaults.MaxStreams)
	c.MaxCalls = cmp.Or(c.MaxCalls, defaults.MaxCalls)
	c.MaxPendingBytes = cmp.Or(c.MaxPendingBytes, defaults.MaxPendingBytes)
	c.Limits = cmp.Or(c.Limits, plugins.ProtocolLimits(defaults.MaxBatchBytes, defaults.MaxChunkBytes))
	c.Limits.SendBatchBytes = cmp.Or(c.Limits.SendBatchBytes, c.Limits.MaxBatchBytes)
	c.Limits.SendChunkBytes = cmp.Or(c.Limits.SendChunkBytes, c.Limits.MaxChunkBytes)
	c.Audit.MaxFileBytes = cmp.Or(c.Audit.MaxFileBytes, defaults.AuditFileBytes)
	c.Audit.MaxFiles = cmp.Or(c.Audit.MaxFiles, defaults.AuditFiles)
	c.level = cmp.Or(c.level, member.Level)
	c.certificateLook = cmp.Or(c.certificateLook, certificateLook)
	c.Members = slices.Clone(c.Members)
	for i := range c.Members {
		c.Members[i].PeerURLs = memberform.CanonicalPeerURLs(c.Members[i].PeerURLs)
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// relay keeps the goroutines of the host from waiting for a Logger that may
// wait.
func (c *Config) relay() *logsink.Relay {
	if c.Log != nil {
		return nil
	}
	r := logsink.NewRelay(c.Logger.Handler())
	c.Logger, c.Log = slog.New(r.Handler()), r
	return r
}
