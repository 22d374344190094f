package plugins

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ProtocolVersion is the version of the plugin protocol that this tree
// speaks: api/plugin/v1.
const ProtocolVersion = 1

// A Kind is one of the three rôles that a plugin can have.
type Kind string

// The kinds. Each is the name of a contract package.
const (
	Storage      Kind = "storage"
	Transport    Kind = "transport"
	StateMachine Kind = "statemachine"
)

// Kinds lists all kinds in the order in which a host starts them.
func Kinds() []Kind { return []Kind{Storage, StateMachine, Transport} }

// A Capability names an optional ability of a plugin. A host learns
// capabilities from Describe, never from a call that fails.
type Capability string

// Info is what a plugin says of itself. It never changes during a process.
type Info struct {
	// Kind and Name identify the plugin; Name is what the host's
	// configuration uses, for example "wal".
	Kind Kind
	Name string
	// Version is the plugin's own, for people.
	Version string
	// Protocols are the plugin protocol versions it speaks.
	Protocols []uint32
	// Capabilities are its optional abilities. Unknown ones are ignored.
	Capabilities []Capability
	// Requires are the capabilities that the host must make use of for the plugin to
	// be what it promises: a state machine whose keys expire, say, requires
	// "timers". A host that does not know one of them refuses the plugin and names
	// it. At most 256, each of at most 64 bytes.
	Requires []Capability
	// CommandVersions are the versions of commands that a state machine applies; see
	// statemachine.Batch. The zero value is version 0 alone.
	CommandVersions Versions
	// SnapshotFormats are the formats of a state machine's snapshots, as numbers from 1 on.
	// The zero value says nothing of them.
	SnapshotFormats SnapshotFormats
	// StateHash names the hash of a state machine's state; empty if it has none. Hashes are
	// compared with those of the same name alone, so a version that makes another hash gives
	// it another name. At most 64 bytes.
	StateHash string
	// ConfigSchema is a JSON Schema of its config section; nil if it takes
	// none.
	ConfigSchema []byte
}

// Has reports whether the plugin has capability c.
func (i Info) Has(c Capability) bool { return slices.Contains(i.Capabilities, c) }

// Versions is a range of versions, both ends included. Least is not above Greatest.
type Versions struct{ Least, Greatest uint32 }

// Has reports whether v is one of the versions.
func (r Versions) Has(v uint32) bool { return r.Least <= v && v <= r.Greatest }

// String is the versions for people.
func (r Versions) String() string {
	if r.Least == r.Greatest {
		return strconv.FormatUint(uint64(r.Least), 10)
	}
	return fmt.Sprintf("%d to %d", r.Least, r.Greatest)
}

// SnapshotFormats are the format of the snapshots that a state machine makes, 0 if it has
// no number, and at most 64 others that it reads.
type SnapshotFormats struct {
	Written  uint32
	Readable []uint32
}

// Reads reports whether the state machine reads snapshots of a format. Of a format without
// a number only Restore can tell. A state machine reads the format that it writes.
func (f SnapshotFormats) Reads(format uint32) bool {
	return format == 0 || format == f.Written || slices.Contains(f.Readable, format)
}

// String lists the formats that the state machine reads, for people.
func (f SnapshotFormats) String() string {
	list := slices.Clone(f.Readable)
	if f.Written > 0 {
		list = append(list, f.Written)
	}
	if len(list) == 0 {
		return "none with a number"
	}
	slices.Sort(list)
	var text []string
	for _, n := range slices.Compact(list) {
		text = append(text, strconv.FormatUint(uint64(n), 10))
	}
	return strings.Join(text, ", ")
}

// Options is the part of Open that is the same for every kind. The plugin
// owns all of it, slices included.
type Options struct {
	// Config is the plugin's own config section: a YAML document, possibly
	// empty. Unknown keys are errors (ErrInvalidConfig), so that a
	// misspelt key is noticed.
	Config []byte
	// ClusterID, NodeID and NodeName say on whose behalf the plugin works. A
	// plugin that keeps data must refuse to open data of another cluster or
	// node (ErrWrongIdentity).
	ClusterID, NodeID uint64
	NodeName          string
	// Group is the Raft group; 1 for now. An instance serves one: Open for a second
	// one, while it is open, fails with ErrInvalidArgument and changes nothing.
	Group uint64
	// Incarnation grows with every Open on behalf of this node. Calls that
	// carry a smaller one than the last Open are refused with
	// ErrStaleIncarnation by the RPC layer.
	Incarnation uint64
	// StoreID, of storage alone, is the id that a store gets which Open creates;
	// 0, as in every host, lets it draw one. Only a tool that moves a member's
	// data from one store to another sets it: the member stays the same.
	StoreID uint64
	// DataDir exists, has mode 0700 and belongs to this plugin alone.
	DataDir string
	Limits  Limits
	// Tick and Election are the node's raft timings; every timeout of a
	// plugin is a function of them (law 8 of the design).
	Tick, Election time.Duration
	// HostVersion is for people and logs. HostCapabilities are the capabilities of
	// plugins that the host makes use of. Both are empty in tests and tools that open a
	// plugin without a host.
	HostVersion      string
	HostCapabilities []Capability
}
