package core

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The parts are the batch, in order, each within the limit and each a sound
// state.
func TestSplitBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Uint64Range(1, 50).Draw(t, "limit")
		b := storage.Batch{MustSync: true, HardState: storage.HardState{Term: 3, Vote: 1, Commit: rapid.Uint64Range(0, 40).Draw(t, "commit")}}
		for i := range rapid.IntRange(0, 30).Draw(t, "entries") {
			b.Entries = append(b.Entries, storage.Entry{Term: 3, Index: 11 + uint64(i), Data: make([]byte, rapid.IntRange(0, 60).Draw(t, "size"))})
		}
		parts := splitBatch(b, limit)
		next := uint64(11)
		for i, p := range parts {
			size := 0
			for _, e := range p.Entries {
				if e.Index != next {
					t.Fatalf("entry %d follows %d", e.Index, next-1)
				}
				next++
				size += len(e.Data)
			}
			if len(p.Entries) > 1 && uint64(size) > limit {
				t.Fatalf("part %d has %d bytes, limit %d", i, size, limit)
			}
			if p.HardState.Term != 3 || p.HardState.Vote != 1 || !p.MustSync {
				t.Fatalf("part %d lost the vote: %+v", i, p.HardState)
			}
			if i < len(parts)-1 && p.HardState.Commit >= next {
				t.Fatalf("part %d commits %d and ends at %d", i, p.HardState.Commit, next-1)
			}
		}
		if last := parts[len(parts)-1]; next != 11+uint64(len(b.Entries)) || last.HardState != b.HardState {
			t.Fatalf("parts end before %d with %+v", next, last.HardState)
		}
	})
}
