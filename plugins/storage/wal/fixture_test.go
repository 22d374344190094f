package wal

import (
	"flag"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/fixture"
)

var fixtureDir = flag.String("storage.fixture", "", "write what a store has on disk into this new directory, to keep it as testdata")

// TestAStoreOfAnEarlierVersionOpens: testdata/earlier was written by the version
// that its README names, and is never written again. When the format changes, it is
// kept, or the change says that stores of before are refused.
func TestAStoreOfAnEarlierVersionOpens(t *testing.T) {
	stores := fixture.Stores{Config: smallSegments + "reserve_bytes: 0\n", New: func() storage.Storage { return New(testEnv(t)) }}
	stores.Run(t, "testdata/earlier", *fixtureDir)
}
