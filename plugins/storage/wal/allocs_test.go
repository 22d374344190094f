package wal

import (
	"context"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// TestAppendAllocatesNothingPerEntry: an append copies its entries into a
// buffer that is used again, and notes their places in lists that grow by
// doubling; its other allocations do not grow with the entries.
func TestAppendAllocatesNothingPerEntry(t *testing.T) {
	ctx := context.Background()
	s := New(backend.Env{})
	opts := testOptions()
	opts.Config, opts.DataDir = nil, t.TempDir()
	if _, err := s.Open(ctx, opts); err != nil {
		t.Fatal(err)
	}
	const entries = 256
	batches := []storage.Batch{{Entries: make([]storage.Entry, entries), MustSync: true}}
	for i := range batches[0].Entries {
		batches[0].Entries[i] = storage.Entry{Term: 1, Data: make([]byte, 256)}
	}
	next := uint64(1)
	var err error
	allocs := testing.AllocsPerRun(100, func() {
		for i := range batches[0].Entries {
			batches[0].Entries[i].Index = next
			next++
		}
		if err == nil {
			err = s.Append(ctx, batches)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// The background may add a few of its own.
	if allocs > entries/16 {
		t.Errorf("an append of %d entries allocates %v times", entries, allocs)
	}
	t.Logf("an append of %d entries allocates %v times", entries, allocs)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
