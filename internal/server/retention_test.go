package server

import (
	"testing"

	"pgregory.net/rapid"
)

// TestRetentionKeepsAtMostItsBytes: the entries kept below a snapshot's index
// have at most the bytes of the limit, and not much less if there was more.
func TestRetentionKeepsAtMostItsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Uint64Range(1, 100_000).Draw(t, "limit")
		r := retention{limit: limit}
		var sizes []uint64 // of entry i+1
		largest := uint64(0)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			size := rapid.Uint64Range(0, 5_000).Draw(t, "bytes")
			sizes, largest = append(sizes, size), max(largest, size)
			r.applied(uint64(len(sizes)), size)
			if rapid.IntRange(0, 20).Draw(t, "again") == 0 {
				r.applied(uint64(len(sizes)), size) // a replay
			}
			if rapid.IntRange(0, 9).Draw(t, "snapshot") > 0 {
				continue
			}
			index := uint64(len(sizes))
			to := r.floor(index)
			kept, all := uint64(0), uint64(0)
			for i, n := range sizes {
				if all += n; uint64(i) >= to {
					kept += n
				}
			}
			if to > index || to > 0 && kept > limit {
				t.Fatalf("compacted to %d of %d: %d bytes are kept, the limit is %d", to, index, kept, limit)
			}
			if slack := limit/retentionParts + 2*largest; to > 0 && kept+slack < limit {
				t.Fatalf("compacted to %d of %d: only %d bytes are kept of %d, the limit is %d", to, index, kept, all, limit)
			}
			if to == 0 && all > limit+limit/retentionParts+2*largest {
				t.Fatalf("%d bytes are kept, the limit is %d", all, limit)
			}
		}
	})
}
