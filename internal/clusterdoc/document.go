package clusterdoc

// A Document is one cluster as it is seen from one place.
type Document struct {
	ClusterID string `json:"cluster_id"`
	Leader    string `json:"leader"`
	// Term is the one in which Leader leads.
	Term    uint64  `json:"term"`
	Verdict Verdict `json:"verdict"`
	// Reasons say what is not well, the worst one first; empty if all is.
	Reasons   []string  `json:"reasons"`
	Tolerance Tolerance `json:"tolerance"`
	// Members has a row for each member, whether it answers or not.
	Members []Member `json:"members"`
}

// Member is what one member says of itself, or why it says nothing.
type Member struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Role          string   `json:"role"`
	Leader        string   `json:"leader"`  // as this member sees it; empty if it knows none
	Promote       bool     `json:"promote"` // a learner that becomes a voter
	Voter         bool     `json:"voter"`   // by the membership
	Version       string   `json:"version"` // of its host
	Term          uint64   `json:"term"`
	Commit        uint64   `json:"commit"`
	Applied       uint64   `json:"applied"`
	FirstIndex    uint64   `json:"first_index"`
	LastIndex     uint64   `json:"last_index"`
	SnapshotIndex uint64   `json:"snapshot_index"`
	Reachable     bool     `json:"reachable"`
	Error         string   `json:"error"`
	Plugins       []Plugin `json:"plugins"`
	Links         []Link   `json:"links"`
	// Progress is what a leader knows of its followers.
	Progress      []PeerProgress `json:"progress"`
	Warnings      []Warning      `json:"warnings"`
	UncommittedMs uint64         `json:"uncommitted_ms"`
	TickAgeMs     uint64         `json:"tick_age_ms"`
	// Level is the feature level of the cluster, LevelUnderstood the highest one that
	// the member understands; both 0 of a build before levels.
	Level           uint64 `json:"level"`
	LevelUnderstood uint64 `json:"level_understood"`
	// The cluster applies commands by CommandVersion. CommandVersions is the range that the
	// member's state machine applies, null if the state machine has not said it.
	CommandVersion  uint32           `json:"command_version"`
	CommandVersions *CommandVersions `json:"command_versions"`
	// Durable is the index up to which the state on the state machine's disk survives a loss
	// of power; null if it says none.
	Durable *uint64 `json:"durable"`
	// Quarantine is null of a member that is not quarantined.
	Quarantine *Quarantine `json:"quarantine"`
	// StorageMove is the last move of the store to another storage; null if there was none in
	// the life of the host.
	StorageMove *StorageMove `json:"storage_move"`
}

// StorageMove is how far a move of a store is, or how it has ended.
type StorageMove struct {
	From         string `json:"from"`
	To           string `json:"to"`
	Phase        string `json:"phase"`
	Entries      uint64 `json:"entries"`
	EntriesTotal uint64 `json:"entries_total"`
	Bytes        uint64 `json:"bytes"`
	ForMs        uint64 `json:"for_ms"`
	Left         string `json:"left"`
	Error        string `json:"error"`
}

// CommandVersions is a range of versions, both ends included.
type CommandVersions struct {
	Least    uint32 `json:"least"`
	Greatest uint32 `json:"greatest"`
}

// Quarantine is the entry over which, or after which, a member is quarantined.
type Quarantine struct {
	Index     uint64 `json:"index"`
	Term      uint64 `json:"term"`
	Bytes     uint64 `json:"bytes"`
	SHA256    string `json:"sha256"`
	Tries     uint32 `json:"tries"`
	LastWords string `json:"last_words"`
	SinceMs   uint64 `json:"since_ms"`
	RetryMs   uint64 `json:"retry_ms"`
	Parted    bool   `json:"parted"`
}

// Warning is one thing that is not well with a member that runs.
type Warning struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Link is how a member reaches another one.
type Link struct {
	ID        string   `json:"id"`
	Transport string   `json:"transport"`
	Active    bool     `json:"active"`
	Usable    []string `json:"usable"`
	Error     string   `json:"error"`
}

// Plugin is one plugin of a member.
type Plugin struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	PID      int32  `json:"pid"`
	State    string `json:"state"`
	Attached bool   `json:"attached"`
	Restarts uint32 `json:"restarts"`
	Warning  string `json:"warning"`
	// LastError is why it ended or did not start, the first time since it last got anywhere.
	LastError string `json:"last_error"`
	// Work is null of a plugin that does not say that it is at long work.
	Work *PluginWork `json:"work"`
	// Record is null of a plugin that is not recorded.
	Record *PluginRecord `json:"record"`
	// Generation is the number of its process since its host started; LastExit is how the
	// process before has ended.
	Generation uint32 `json:"generation"`
	LastExit   string `json:"last_exit"`
}

// PluginRecord is the record of what a host and its plugin say to each other.
type PluginRecord struct {
	Path    string `json:"path"`
	Bytes   uint64 `json:"bytes"`
	Gaps    uint64 `json:"gaps"`
	Failure string `json:"failure"`
}

// PluginWork is long work of a plugin, by its own word.
type PluginWork struct {
	What     string `json:"what"`
	Progress uint64 `json:"progress"`
	ForMs    uint64 `json:"for_ms"`
	StillMs  uint64 `json:"still_ms"`
}

// PeerProgress is how a follower gets on, as its leader sees it.
type PeerProgress struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Match uint64 `json:"match"`
	// LagEntries and LagBytes are null if the follower has not said in this term what it has.
	LagEntries    *uint64 `json:"lag_entries"`
	LagBytes      *uint64 `json:"lag_bytes"`
	InFlightBytes uint64  `json:"in_flight_bytes"`
	LastContactMs uint64  `json:"last_contact_ms"`
	StalledMs     uint64  `json:"stalled_ms"`
	Why           string  `json:"why"`
}
