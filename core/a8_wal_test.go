package core_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// opensWithin is how long a host may take, by promise of statement A8, to open the data
// directory that another host of this process has just left.
const opensWithin = time.Second

// opensAtOnce starts a member on the data that its last host has left: at the first try,
// and in time.
func (c *cluster) opensAtOnce(id member.ID) {
	c.t.Helper()
	begun := time.Now()
	c.start(id, true)
	if took := time.Since(begun); took > opensWithin {
		c.t.Errorf("the data directory was opened after %v, at most %v are allowed", took, opensWithin)
	}
}

// onWAL has the members keep their log on the disk, in segments of so many bytes.
func onWAL(cfg *core.Config, segmentBytes int) {
	cfg.Backends[0] = wal.Backend()
	cfg.Storage = core.PluginConfig{Name: "wal", Isolation: inproc, Config: fmt.Appendf(nil, "segment_bytes: %d", segmentBytes)}
}

// A8: a host commits a thousand entries to the log on the disk and stops, and the next
// one opens the same directory at once, in the same process, fifty times: each at the
// first try and within a second, and no commit is missing. The same with the smallest
// segments and a cleaner that comes after each entry.
func TestA8FiftyRoundsOnTheDisk(t *testing.T) {
	const rounds = 50
	for _, x := range []struct {
		name string
		each uint64
		tune func(*core.Config)
	}{
		{"a thousand commits each", 1000, func(cfg *core.Config) { onWAL(cfg, 1<<20) }},
		{"the cleaner at its most aggressive", 100, func(cfg *core.Config) {
			onWAL(cfg, 16<<10)
			cfg.SnapshotEntries, cfg.SnapshotBytes, cfg.CatchUpEntries, cfg.CatchUpBytes = 1, 1<<20, 1, 1
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 0, x.tune)
			c.keepDirs()
			c.found(1)
			for i := range uint64(rounds) {
				c.leader()
				c.writeMany(1, x.each)
				c.stop(1)
				c.opensAtOnce(1)
				c.leader()
				if got, want := c.query(1, "count"), strconv.FormatUint((i+1)*x.each, 10); got != want {
					t.Fatalf("round %d: the state has %s entries, want %s", i+1, got, want)
				}
			}
		})
	}
}
