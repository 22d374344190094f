package pebble_test

import (
	"flag"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/fixture"
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
)

var fixtureDir = flag.String("storage.fixture", "", "write what a store has on disk into this new directory, to keep it as testdata")

// TestAStoreOfAnEarlierVersionOpens: testdata/earlier was written by the version
// that its README names, and is never written again. When the format changes, it is
// kept, or the change says that stores of before are refused.
func TestAStoreOfAnEarlierVersionOpens(t *testing.T) {
	stores := fixture.Stores{Config: "memtable_bytes: 1048576\n", New: func() storage.Storage { return pebble.New(testEnv(t)) }}
	stores.Run(t, "testdata/earlier", *fixtureDir)
}
