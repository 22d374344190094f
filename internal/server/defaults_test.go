package server

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// A field that is not set has the value of the table.
func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	c := New(Config{}).cfg
	for name, x := range map[string]struct{ got, want int64 }{
		"MaxValueBytes":   {int64(c.MaxValueBytes), defaults.MaxValueBytes},
		"MaxPending":      {int64(c.MaxPending), defaults.MaxPending},
		"MaxPendingBytes": {c.MaxPendingBytes, defaults.MaxPendingBytes},
		"SnapshotEntries": {int64(c.SnapshotEntries), defaults.SnapshotEntries},
		"SnapshotBytes":   {int64(c.SnapshotBytes), defaults.SnapshotBytes},
		"CatchUpBytes":    {int64(c.CatchUpBytes), defaults.CatchUpBytes},
	} {
		if x.got != x.want {
			t.Errorf("%s is %d, the table says %d", name, x.got, x.want)
		}
	}
}
