package core_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A host that is made in Go is held to the bounds of the configuration: each number may
// have the values at its bounds, and New refuses those beyond with the key.
func TestNumbersAreHeldToTheirBounds(t *testing.T) {
	valid, cleanup := single()
	defer cleanup()
	for _, x := range []struct {
		key              string
		least, most      int64
		set              func(*core.Config, int64)
		noneAboveTheMost bool
	}{
		{"raft.tick", int64(5 * time.Millisecond), int64(9 * time.Second), func(c *core.Config, n int64) {
			c.Tick, c.Election = time.Duration(n), 5*time.Duration(n)
		}, true},
		{"raft.election", int64(50 * time.Millisecond), int64(50 * time.Second), func(c *core.Config, n int64) {
			c.Tick, c.Election = 10*time.Millisecond, time.Duration(n)
		}, false},
		{"raft.max_clock_difference", int64(100 * time.Millisecond), int64(24 * time.Hour), func(c *core.Config, n int64) {
			c.MaxClockDifference = time.Duration(n)
		}, false},
		{"raft.snapshot_log_bytes", 1 << 20, 1 << 40, func(c *core.Config, n int64) { c.SnapshotBytes = uint64(n) }, true},
		{"raft.max_inflight_appends", 1, 64, func(c *core.Config, n int64) { c.MaxInflightAppends = int(n) }, false},
		{"api.max_value_bytes", 1 << 10, 32 << 20, func(c *core.Config, n int64) { c.MaxValueBytes, c.MaxPendingBytes = int(n), 1<<30 }, false},
		{"api.max_pending_bytes", 3 << 19, 1<<31 - 1, func(c *core.Config, n int64) { c.MaxPendingBytes = n }, false},
		{"api.max_connections", 16, 1 << 20, func(c *core.Config, n int64) { c.MaxConnections = int(n) }, false},
		{"api.max_streams", 16, 1 << 20, func(c *core.Config, n int64) { c.MaxStreams = int(n) }, false},
		{"api.max_calls", 16, 1 << 20, func(c *core.Config, n int64) { c.MaxCalls = int(n) }, false},
		{"audit.max_file_bytes", 64 << 10, 1 << 30, func(c *core.Config, n int64) { c.Audit.MaxFileBytes = n }, false},
		{"audit.max_files", 2, 10_000, func(c *core.Config, n int64) { c.Audit.MaxFiles = int(n) }, false},
		{"limits.max_batch_bytes", 64 << 10, 16 << 20, func(c *core.Config, n int64) { c.Limits.SendBatchBytes = uint64(n) }, false},
		{"limits.max_chunk_bytes", 4 << 10, 1 << 20, func(c *core.Config, n int64) { c.Limits.SendChunkBytes = uint64(n) }, false},
	} {
		t.Run(x.key, func(t *testing.T) {
			for _, n := range []int64{x.least, x.most, x.least - 1, x.most + 1, -1} {
				cfg := valid
				cfg.Limits = plugins.ProtocolLimits(1<<20, 256<<10)
				x.set(&cfg, n)
				good := n == 0 || n >= x.least && (n <= x.most || x.noneAboveTheMost) // 0 means the default
				if wrong := cfg.WithDefaults().OutOfBounds(); good != (len(wrong) == 0) || !good && wrong[0].Key != x.key {
					t.Errorf("%d: %v", n, wrong)
				}
				if good {
					continue
				}
				var wrong core.SettingError
				if _, err := core.New(cfg); !errors.Is(err, plugins.ErrInvalidConfig) || !errors.As(err, &wrong) || wrong.Key != x.key {
					t.Errorf("%d: New returns %v", n, err)
				}
			}
		})
	}
}

// The largest number is accepted: no log has so many entries, so it sets no bound.
func TestTheLargestCountOfEntries(t *testing.T) {
	cfg := core.Config{SnapshotEntries: math.MaxUint64}
	if wrong := cfg.WithDefaults().OutOfBounds(); len(wrong) != 0 {
		t.Error(wrong)
	}
}

// An election timeout of one tick, and one of a part of a tick more, are refused.
func TestAnElectionHasWholeTicks(t *testing.T) {
	for _, election := range []time.Duration{100 * time.Millisecond, 499 * time.Millisecond, 1050 * time.Millisecond} {
		cfg := core.Config{Tick: 100 * time.Millisecond, Election: election}
		if wrong := cfg.WithDefaults().OutOfBounds(); len(wrong) != 1 || wrong[0].Key != "raft.election" {
			t.Errorf("%v: %v", election, wrong)
		}
	}
}
