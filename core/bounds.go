package core

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/bytesize"
	"github.com/pontoon-raft/pontoon/plugins"
)

const (
	minTick = 5 * time.Millisecond
	// minElectionTicks is the least number of ticks in an election timeout: with
	// fewer, one late heartbeat starts an election.
	minElectionTicks = 5
	// maxElection is the longest election timeout for which the timeouts
	// derived from it are tested.
	maxElection = 50 * time.Second
	// minClockDifference is more than clocks differ that a daemon sets, and
	// maxClockDifference more than a wrong time zone makes of one.
	minClockDifference = 100 * time.Millisecond
	maxClockDifference = 24 * time.Hour
	// With fewer connections than minConnections members and tools would take
	// them from clients.
	minConnections = 16
	maxConnections = 1 << 20
)

// A SettingError is a number of a Config that New refuses.
type SettingError struct {
	// Key is the key that the field has in a host's file (docs/configuration.md), and
	// Problem says which value it has and which it may have.
	Key, Problem string
}

// Error returns the key and the problem.
func (e SettingError) Error() string { return e.Key + ": " + e.Problem }

// bound is a number of a Config with its bounds.
type bound struct {
	key             string
	is, least, most int64
	// optional: zero is possible too, and means the default.
	optional bool
	bytes    bool
}

func (c *Config) bounds() []bound {
	const unbounded = math.MaxInt64
	// A file may have a count of 64 bits, and a large one is not negative.
	snapshotEntries := int64(min(c.SnapshotEntries, math.MaxInt64))
	return []bound{
		{key: "raft.snapshot_entries", is: snapshotEntries, least: 1, most: unbounded},
		{key: "raft.snapshot_log_bytes", is: int64(c.SnapshotBytes), least: 1 << 20, most: unbounded, bytes: true},
		{key: "raft.max_inflight_appends", is: int64(c.MaxInflightAppends), least: 1, most: 64},
		{key: "api.max_value_bytes", is: int64(c.MaxValueBytes), least: 1 << 10, most: plugins.MaxValueBytes, bytes: true},
		{key: "api.max_pending_proposals", is: int64(c.MaxPending), least: 1, most: unbounded},
		{key: "api.max_connections", is: int64(c.MaxConnections), least: minConnections, most: maxConnections, optional: true},
		{key: "api.max_streams", is: int64(c.MaxStreams), least: minConnections, most: maxConnections},
		{key: "api.max_calls", is: int64(c.MaxCalls), least: minConnections, most: maxConnections},
		{key: "audit.max_file_bytes", is: c.Audit.MaxFileBytes, least: audit.MinFileBytes, most: audit.MaxFileBytes, bytes: true},
		{key: "audit.max_files", is: int64(c.Audit.MaxFiles), least: audit.MinFiles, most: audit.MaxFiles},
		{key: "limits.max_batch_bytes", is: int64(c.Limits.SendBatchBytes), least: 64 << 10, most: plugins.MaxBatchBytes, bytes: true},
		{key: "limits.max_chunk_bytes", is: int64(c.Limits.SendChunkBytes), least: 4 << 10, most: plugins.MaxChunkBytes, bytes: true},
	}
}

// problem says what is wrong with the number; nothing if it is between its bounds.
func (b bound) problem() string {
	text := func(n int64) string {
		if b.bytes && n >= 0 {
			return bytesize.Format(uint64(n))
		}
		return strconv.FormatInt(n, 10)
	}
	switch {
	case b.is >= b.least && b.is <= b.most, b.optional && b.is == 0:
		return ""
	case b.most == math.MaxInt64:
		return fmt.Sprintf("is %s; it must be at least %s", text(b.is), text(b.least))
	case b.optional:
		return fmt.Sprintf("is %s; it must be from %s to %s, or 0 for the default", text(b.is), text(b.least), text(b.most))
	}
	return fmt.Sprintf("is %s; it must be from %s to %s", text(b.is), text(b.least), text(b.most))
}

// electionProblem says what is wrong with the election timeout.
func (c *Config) electionProblem() string {
	switch {
	case c.Election < minElectionTicks*c.Tick:
		return fmt.Sprintf("is %v; it must be at least %d ticks of %v", c.Election, minElectionTicks, c.Tick)
	case c.Election > maxElection:
		return fmt.Sprintf("is %v; it must be at most %v", c.Election, maxElection)
	case c.Election%c.Tick != 0:
		return fmt.Sprintf("is %v; it must be a whole number of ticks of %v", c.Election, c.Tick)
	}
	return ""
}

// clockProblem says what is wrong with the bound on clocks.
func (c *Config) clockProblem() string {
	if d := c.MaxClockDifference; d < minClockDifference || d > maxClockDifference {
		return fmt.Sprintf("is %v; it must be from %v to %v", d, minClockDifference, maxClockDifference)
	}
	return ""
}

// pendingProblem says what is wrong with the room for proposals that wait.
func (c *Config) pendingProblem() string {
	switch {
	case c.MaxPendingBytes < int64(c.MaxValueBytes):
		return fmt.Sprintf("is %d; it must be at least api.max_value_bytes, %d", c.MaxPendingBytes, c.MaxValueBytes)
	case c.MaxPendingBytes > math.MaxInt32:
		return fmt.Sprintf("is %d; it must be below 2GiB", c.MaxPendingBytes)
	}
	return ""
}

// OutOfBounds lists the numbers of c that are not between their bounds. New refuses
// them. It puts the defaults in the place of zeros first (WithDefaults); here a zero
// is out of bounds as any other number.
func (c Config) OutOfBounds() (all []SettingError) {
	note := func(key, problem string) {
		if problem != "" {
			all = append(all, SettingError{key, problem})
		}
	}
	if c.Tick < minTick {
		note("raft.tick", fmt.Sprintf("is %v; it must be at least %v", c.Tick, minTick))
	} else {
		note("raft.election", c.electionProblem())
	}
	note("raft.max_clock_difference", c.clockProblem())
	note("api.max_pending_bytes", c.pendingProblem())
	for _, b := range c.bounds() {
		note(b.key, b.problem())
	}
	return all
}
