package hostconfig

import (
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins"
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
	minChunk    = 4 << 10
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
	checkNodeID(ps, "node.id", c.Host.ID)
	checkName(ps, "node.name", c.Host.Name)
	if c.Host.DataDir == "" {
		ps.about("node.data_dir", "is empty; name a directory")
	}
	if c.Host.ClusterID == 0 {
		ps.about("cluster.id", "is missing; all members of a cluster have the same one, for example c1")
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
	r := &c.Host
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
	if r.SnapshotBytes < 1<<20 {
		ps.about("raft.snapshot_log_bytes", "is %d; it must be at least 1MiB", r.SnapshotBytes)
	}
	if r.MaxInflightAppends < 1 || r.MaxInflightAppends > 64 {
		ps.about("raft.max_inflight_appends", "is %d; it must be from 1 to 64", r.MaxInflightAppends)
	}
}

func (c *Config) checkAPI(ps *problems) {
	h := &c.Host
	checkListen(ps, "api.listen", h.ClientAddress, "0.0.0.0:7401")
	if h.AdminAddress != "" {
		checkListen(ps, "admin.listen", h.AdminAddress, "127.0.0.1:7601")
	}
	checkSize(ps, "api.max_value_bytes", uint64(h.MaxValueBytes), 1<<10, plugins.MaxValueBytes)
	checkSize(ps, "limits.max_batch_bytes", h.Limits.SendBatchBytes, 64<<10, plugins.MaxBatchBytes)
	checkSize(ps, "limits.max_chunk_bytes", h.Limits.SendChunkBytes, minChunk, plugins.MaxChunkBytes)
	if h.MaxPending < 1 {
		ps.about("api.max_pending_proposals", "is %d; it must be at least 1", h.MaxPending)
	}
	switch {
	case h.MaxPendingBytes < int64(h.MaxValueBytes):
		ps.about("api.max_pending_bytes", "is %d; it must be at least api.max_value_bytes, %d", h.MaxPendingBytes, h.MaxValueBytes)
	case h.MaxPendingBytes > math.MaxInt32:
		ps.about("api.max_pending_bytes", "is %d; it must be below 2GiB", h.MaxPendingBytes)
	}
	if n := h.MaxConnections; n != 0 && (n < minConnections || n > maxConnections) {
		ps.about("api.max_connections", "is %d; it must be from %d to %d, or 0 for the default", n, minConnections, maxConnections)
	}
	if n := h.MaxStreams; n < minConnections || n > maxConnections {
		ps.about("api.max_streams", "is %d; it must be from %d to %d", n, minConnections, maxConnections)
	}
	if n := h.MaxCalls; n < minConnections || n > maxConnections {
		ps.about("api.max_calls", "is %d; it must be from %d to %d", n, minConnections, maxConnections)
	}
	for _, name := range h.HostNames {
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
	check("api.listen", c.Host.ClientAddress)
	seen[c.Host.ClientAddress] = "api.listen"
	check("admin.listen", c.Host.AdminAddress)
	seen[c.Host.AdminAddress] = "admin.listen"
	// Two transports may share a port: one of TCP, one of UDP.
	for _, t := range c.transports() {
		check(t.key+".listen", t.Listen)
	}
}

func (c *Config) checkAudit(ps *problems) {
	checkSize(ps, "audit.max_file_bytes", uint64(c.Host.Audit.MaxFileBytes), audit.MinFileBytes, audit.MaxFileBytes)
	if n := c.Host.Audit.MaxFiles; n < audit.MinFiles || n > audit.MaxFiles {
		ps.about("audit.max_files", "is %d; it must be from %d to %d", n, audit.MinFiles, audit.MaxFiles)
	}
}

func checkSize(ps *problems, key string, n, least, most uint64) {
	if n < least || n > most {
		ps.about(key, "is %s; it must be from %s to %s", size(&n), size(&least), size(&most))
	}
}
