package hostconfig

import (
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// Bounds of the settings, where they are not obvious.
const (
	// electionTicks is the least number of ticks in an election timeout: with
	// fewer, one late heartbeat starts an election.
	electionTicks = 5
	// maxElection is the longest election timeout for which the timeouts
	// derived from it are tested.
	maxElection = 50 * time.Second
	minTick     = 5 * time.Millisecond
	// maxValue, maxBatch and maxChunk are what every member of this protocol
	// version takes: the constants of package plugins.
	maxValue = 32 << 20
	maxBatch = 16 << 20
	maxChunk = 1 << 20
	minChunk = 4 << 10
	// maxNodeID: raft keeps the two largest ids for its own threads.
	maxNodeID  = math.MaxUint64 - 2
	maxMembers = 64
	// With fewer connections than minConnections members and tools would take
	// them from clients.
	minConnections = 16
	maxConnections = 1 << 20
)

// Validate checks c as a whole, as Load has done already; it is for
// configurations made in Go. The error matches ErrInvalid.
func (c *Config) Validate() error {
	var ps problems
	c.checkIdentity(&ps)
	c.checkMembers(&ps)
	c.checkRaft(&ps)
	c.checkAPI(&ps)
	c.checkAccess(&ps)
	c.checkAudit(&ps)
	c.checkPlugins(&ps)
	return ps.err()
}

func (c *Config) checkIdentity(ps *problems) {
	checkNodeID(ps, "node.id", c.Node.ID)
	checkName(ps, "node.name", c.Node.Name)
	if c.Node.DataDir == "" {
		ps.about("node.data_dir", "is empty; name a directory")
	}
	if c.Cluster.ID == 0 {
		ps.about("cluster.id", "is missing; all members of a cluster have the same one, for example c1")
	}
	if c.Cluster.State != StateNew && c.Cluster.State != StateExisting {
		ps.about("cluster.state", "%q is not possible; use new or existing", c.Cluster.State)
	}
	if c.Raft.CheckSnapshots != CheckSum && c.Raft.CheckSnapshots != CheckRestore {
		ps.about("raft.check_snapshots", "%q is not possible; use sum or restore", c.Raft.CheckSnapshots)
	}
	switch c.Log.Format {
	case FormatAuto, FormatText, FormatJSON:
	default:
		ps.about("log.format", "%q is not possible; use auto, text or json", c.Log.Format)
	}
}

func checkNodeID(ps *problems, key string, id uint64) {
	switch {
	case id == 0:
		ps.about(key, "is missing; give each member a hex id of its own, for example 1")
	case id > maxNodeID:
		ps.about(key, "%s is reserved; use a smaller id", formatID(id))
	}
}

func checkName(ps *problems, key, name string) {
	if name == "" {
		ps.about(key, "is missing; name the node, for example n1")
		return
	}
	if err := memberform.CheckName(name); err != nil {
		ps.about(key, "%v", err)
	}
}

func (c *Config) checkRaft(ps *problems) {
	r := c.Raft
	if r.Tick < minTick {
		ps.about("raft.tick", "is %v; it must be at least %v", r.Tick, minTick)
		return
	}
	switch {
	case r.Election < electionTicks*r.Tick:
		ps.about("raft.election", "is %v; it must be at least %d ticks of %v", r.Election, electionTicks, r.Tick)
	case r.Election > maxElection:
		ps.about("raft.election", "is %v; it must be at most %v", r.Election, maxElection)
	case r.Election%r.Tick != 0:
		ps.about("raft.election", "is %v; it must be a whole number of ticks of %v", r.Election, r.Tick)
	}
	if r.SnapshotEntries == 0 {
		ps.about("raft.snapshot_entries", "is 0; the log would never be compacted")
	}
	if r.SnapshotLogBytes < 1<<20 {
		ps.about("raft.snapshot_log_bytes", "is %d; it must be at least 1MiB", r.SnapshotLogBytes)
	}
	if r.MaxInflightAppends < 1 || r.MaxInflightAppends > 64 {
		ps.about("raft.max_inflight_appends", "is %d; it must be from 1 to 64", r.MaxInflightAppends)
	}
}

func (c *Config) checkAPI(ps *problems) {
	checkListen(ps, "api.listen", c.API.Listen, "0.0.0.0:7401")
	if c.Admin.Listen != "" {
		checkListen(ps, "admin.listen", c.Admin.Listen, "127.0.0.1:7601")
	}
	checkSize(ps, "api.max_value_bytes", c.API.MaxValueBytes, 1<<10, maxValue)
	checkSize(ps, "limits.max_batch_bytes", c.Limits.MaxBatchBytes, 64<<10, maxBatch)
	checkSize(ps, "limits.max_chunk_bytes", c.Limits.MaxChunkBytes, minChunk, maxChunk)
	if c.API.MaxPendingProposals < 1 {
		ps.about("api.max_pending_proposals", "is %d; it must be at least 1", c.API.MaxPendingProposals)
	}
	switch {
	case c.API.MaxPendingBytes < c.API.MaxValueBytes:
		ps.about("api.max_pending_bytes", "is %d; it must be at least api.max_value_bytes, %d",
			c.API.MaxPendingBytes, c.API.MaxValueBytes)
	case c.API.MaxPendingBytes > math.MaxInt32:
		ps.about("api.max_pending_bytes", "is %d; it must be below 2GiB", c.API.MaxPendingBytes)
	}
	if n := c.API.MaxConnections; n != 0 && (n < minConnections || n > maxConnections) {
		ps.about("api.max_connections", "is %d; it must be from %d to %d, or 0 for the default", n, minConnections, maxConnections)
	}
	if n := c.API.MaxStreams; n < minConnections || n > maxConnections {
		ps.about("api.max_streams", "is %d; it must be from %d to %d", n, minConnections, maxConnections)
	}
	if n := c.API.MaxCalls; n < minConnections || n > maxConnections {
		ps.about("api.max_calls", "is %d; it must be from %d to %d", n, minConnections, maxConnections)
	}
	for _, name := range c.API.HostNames {
		checkHostName(ps, name)
	}
	c.checkTLS(ps)
	c.checkListeners(ps)
}

// hostName is a name of DNS, or a dot and one for all names below it.
const hostName = `^\.?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)+$`

func checkHostName(ps *problems, name string) {
	if name != "*" && !regexp.MustCompile(hostName).MatchString(name) {
		ps.about("api.host_names", "%q is not a name; write it without scheme and port, for example raft.example.org, .example.org for all names below it, or * for all", name)
	}
}

// checkListeners refuses two services of this host on one address.
func (c *Config) checkListeners(ps *problems) {
	seen := map[string]string{}
	check := func(key, address string) {
		if address == "" || strings.HasSuffix(address, ":0") {
			return
		}
		if other, taken := seen[address]; taken {
			ps.about(key, "%s is taken by %s already", address, other)
		}
	}
	check("api.listen", c.API.Listen)
	seen[c.API.Listen] = "api.listen"
	check("admin.listen", c.Admin.Listen)
	seen[c.Admin.Listen] = "admin.listen"
	// Two transports may share a port: one of TCP, one of UDP.
	for _, t := range c.transports() {
		check(t.key+".listen", t.Listen)
	}
}

func checkSize(ps *problems, key string, n, least, most uint64) {
	if n < least || n > most {
		ps.about(key, "is %s; it must be from %s to %s", sizeValue{&n}, sizeValue{&least}, sizeValue{&most})
	}
}
