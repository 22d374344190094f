package hostconfig

import (
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/internal/founders"
)

// Config is the configuration of one host, complete and checked when it comes
// from Load.
type Config struct {
	Node    Node
	Cluster Cluster
	Raft    Raft
	API     API
	Admin   Admin
	Log     Log
	Audit   Audit
	Limits  Limits
	Plugins Plugins
}

// Node says who this host is.
type Node struct {
	// ID is the member's id; never 0. Its text form is hex, everywhere.
	ID uint64
	// Name is for people, and part of the default data directory. By default
	// it is the name of the member with this ID.
	Name string
	// DataDir holds all that the host and its plugins keep, by default
	// data/<name> below the working directory.
	DataDir string
	// RuntimeDir is where the plugins' sockets live, in a private directory
	// made at the start and removed at the end. Its path must be short. Empty
	// means the system's directory for temporary files.
	RuntimeDir string
}

// State says how a node comes into being the first time it starts. A node
// that has data goes on with that, whatever the state says.
type State string

// The states.
const (
	// StateNew starts a cluster together with the other members listed.
	StateNew State = "new"
	// StateExisting joins a cluster that has accepted this member already.
	StateExisting State = "existing"
)

// Cluster says which cluster the host belongs to and who its members are when
// it starts for the first time.
type Cluster struct {
	// ID tells clusters apart; never 0.
	ID    uint64
	State State
	// Members in the order of their ids, this host among them.
	Members []Member
	// PeerURLs are peer URLs of Members by name, for those that have none of
	// their own. Load hands them out.
	PeerURLs founders.PeerURLs
}

// Member is one member of the cluster.
type Member struct {
	ID   uint64
	Name string
	// PeerURLs are where other members reach its transport.
	PeerURLs []string
	// ClientAddress is where clients and other members reach its API.
	ClientAddress string
}

// Raft holds the timings and sizes of the consensus. Pre-vote and
// check-quorum are always on.
type Raft struct {
	// Tick is raft's unit of time: the leader sends a heartbeat every tick.
	Tick time.Duration
	// Election is how long a follower waits for the leader before it
	// campaigns; a whole number of ticks.
	Election time.Duration
	// SnapshotEntries and SnapshotLogBytes are how much log may follow the
	// last snapshot before the next one is taken, whichever comes first.
	SnapshotEntries  uint64
	SnapshotLogBytes uint64
	// CatchUpEntries stay in the log below a snapshot's index, for slow
	// followers.
	CatchUpEntries uint64
	// CatchUpBytes is how many bytes of entries stay at most below a snapshot's
	// index.
	CatchUpBytes uint64
	// CheckSnapshots says what must be known of a snapshot before it is stored.
	CheckSnapshots SnapshotCheck
	// MaxInflightAppends is how many batches may be on their way to storage at
	// once. Entries that wait meanwhile form the next batch.
	MaxInflightAppends int
}

// SnapshotCheck is what must be known of a snapshot before it is stored and the
// log up to it is given up.
type SnapshotCheck string

// The checks.
const (
	// CheckSum: its bytes are those that the state machine vouches for.
	CheckSum SnapshotCheck = "sum"
	// CheckRestore: a second state machine could be restored from it besides.
	CheckRestore SnapshotCheck = "restore"
)

// API is the service for clients.
type API struct {
	// Listen is the address to listen on, host:port. By default it is the
	// client address of this member.
	Listen string
	// MaxValueBytes is the largest proposal.
	MaxValueBytes uint64
	// MaxPendingProposals and MaxPendingBytes bound what has been admitted
	// and not answered.
	MaxPendingProposals int
	MaxPendingBytes     uint64
	// MaxConnections bounds the connections of clients; 0 means 1024. The limit
	// of descriptors may allow fewer.
	MaxConnections int
	// MaxStreams bounds the Proposals streams of all clients together, MaxCalls
	// the other requests that are being answered.
	MaxStreams, MaxCalls int
	// HostNames are names under which HTTP requests may address the client and the
	// admin port, besides addresses and the members' own. One that begins with a
	// dot stands for all names below it, "*" for all names.
	HostNames []string
	Access    Access
	// TLS protects the connections of clients; Insecure allows to listen off
	// loopback without.
	TLS      TLS
	Insecure bool
}

// Admin is the HTTP service for health, metrics and profiles.
type Admin struct {
	// Listen is the address to listen on; empty means none.
	Listen string
	// TLS is by default that of API, as far as it says nothing itself. Insecure
	// means plain HTTP, off loopback too.
	TLS      TLS
	Insecure bool
}

// The formats of the log.
const (
	// FormatAuto is text on a terminal and JSON elsewhere.
	FormatAuto = "auto"
	FormatText = "text"
	FormatJSON = "json"
)

// Log says what the host writes to its standard error.
type Log struct {
	Level slog.Level
	// Format is one of the Format constants.
	Format string
}

// Limits hold between the host and its plugins.
type Limits struct {
	// MaxBatchBytes is the most bytes of entries in one batch or message.
	MaxBatchBytes uint64
	// MaxChunkBytes is the largest chunk of a snapshot stream.
	MaxChunkBytes uint64
}

// Isolation says where a plugin runs.
type Isolation string

// The isolations.
const (
	// IsolationProcess runs the plugin in a process of its own.
	IsolationProcess Isolation = "process"
	// IsolationInproc runs a shipped plugin inside the host.
	IsolationInproc Isolation = "inproc"
)

// Plugins are the host's plugins: three, or four while the cluster moves from
// one transport to another.
type Plugins struct {
	// Transport is the only transport, or the preferred one.
	Transport TransportPlugin
	// FurtherTransports are those beside it, in the order of preference.
	FurtherTransports []TransportPlugin
	Storage           Plugin
	StateMachine      Plugin
	// listed: the file has a list of transports, if only of one.
	listed bool
}

// Transports are all transports in the order of preference. The elements are
// copies.
func (p Plugins) Transports() []TransportPlugin {
	return append([]TransportPlugin{p.Transport}, p.FurtherTransports...)
}

// Plugin is one plugin: a shipped one by its Name, or any executable by its
// Command and SHA256.
type Plugin struct {
	// Name is the name of a shipped backend. With a Command it may be empty;
	// otherwise it is the name the executable must give itself.
	Name string
	// Command is the executable's path and its arguments; empty for a shipped
	// backend. No shell and no search path is involved.
	Command []string
	// SHA256 is the hex digest of the executable.
	SHA256    string
	Isolation Isolation
	// Env is what the plugin's environment holds besides the host's
	// allow-list, as KEY=VALUE.
	Env []string
	// Config is the plugin's own section: a YAML document, empty if none was
	// given. Keys are as they were written, and each is on the line on which
	// the host's file has it, so that a plugin's errors point there.
	Config []byte
}

// TransportPlugin is the transport with its addresses.
type TransportPlugin struct {
	Plugin
	// Listen is the address to listen on for peers, host:port. By default it
	// is that of the first URL in Advertise.
	Listen string
	// Advertise are the URLs under which peers reach this node. By default
	// they are this member's peer URLs; in a list of transports each must have
	// its own, and so must the only one if the peer URLs have several schemes.
	Advertise []string
}

// Self returns the member with the node's own id.
func (c *Config) Self() (Member, bool) {
	for _, m := range c.Cluster.Members {
		if m.ID == c.Node.ID {
			return m, true
		}
	}
	return Member{}, false
}
