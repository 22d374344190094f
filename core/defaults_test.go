package core_test

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// A field that is not set has the value of the table.
func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	c := core.Config{}.WithDefaults()
	for name, x := range map[string]struct{ got, want int64 }{
		"Tick":               {int64(c.Tick / time.Millisecond), int64(defaults.Tick / time.Millisecond)},
		"Election":           {int64(c.Election / time.Millisecond), int64(defaults.Election / time.Millisecond)},
		"MaxClockDifference": {int64(c.MaxClockDifference / time.Millisecond), int64(defaults.ClockDifference / time.Millisecond)},
		"SendBatchBytes":     {int64(c.Limits.SendBatchBytes), defaults.MaxBatchBytes},
		"SendChunkBytes":     {int64(c.Limits.SendChunkBytes), defaults.MaxChunkBytes},
		"MaxValueBytes":      {int64(c.MaxValueBytes), defaults.MaxValueBytes},
		"MaxPending":         {int64(c.MaxPending), defaults.MaxPending},
		"MaxPendingBytes":    {c.MaxPendingBytes, defaults.MaxPendingBytes},
		"MaxInflightAppends": {int64(c.MaxInflightAppends), defaults.MaxInflightAppends},
		"MaxStreams":         {int64(c.MaxStreams), defaults.MaxStreams},
		"MaxCalls":           {int64(c.MaxCalls), defaults.MaxCalls},
		"SnapshotEntries":    {int64(c.SnapshotEntries), defaults.SnapshotEntries},
		"SnapshotBytes":      {int64(c.SnapshotBytes), defaults.SnapshotBytes},
		"CatchUpEntries":     {int64(c.CatchUpEntries), defaults.CatchUpEntries},
		"CatchUpBytes":       {int64(c.CatchUpBytes), defaults.CatchUpBytes},
		"Audit.MaxFileBytes": {c.Audit.MaxFileBytes, defaults.AuditFileBytes},
		"Audit.MaxFiles":     {int64(c.Audit.MaxFiles), defaults.AuditFiles},
	} {
		if x.got != x.want {
			t.Errorf("%s is %d, the table says %d", name, x.got, x.want)
		}
	}
}
