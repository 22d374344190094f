package core

import (
	"testing"

	"pgregory.net/rapid"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The parts are the batch, in order, each within the limit and each a sound
// state.
func TestBatchParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Uint64Range(1, 50).Draw(t, "limit")
		b := storage.Batch{MustSync: true, HardState: storage.HardState{Term: 3, Vote: 1, Commit: rapid.Uint64Range(0, 40).Draw(t, "commit")}}
		for i := range rapid.IntRange(0, 30).Draw(t, "entries") {
			b.Entries = append(b.Entries, storage.Entry{Term: 3, Index: 11 + uint64(i), Data: make([]byte, rapid.IntRange(0, 60).Draw(t, "size"))})
		}
		parts := batchParts(b, limit)
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

// A batch of the smallest commands is cut so that each part fits a message, also where
// batches have the largest size.
func TestPartsOfSmallEntriesFitAMessage(t *testing.T) {
	limits := plugins.ProtocolLimits(0, 0)
	b := storage.Batch{Entries: make([]storage.Entry, limits.BatchBytes()/(node.CommandOverhead+1))}
	data := make([]byte, node.CommandOverhead+1)
	for i := range b.Entries {
		b.Entries[i] = storage.Entry{Term: 1 << 40, Index: 1<<40 + uint64(i), Data: data}
	}
	for _, p := range batchParts(b, limits.BatchBytes()) {
		req := pluginv1.AppendRequest{Entries: p.Entries}
		if size := req.Size(); size > limits.MaxMessageBytes()-1<<10 || len(p.Entries)*(len(data)+entryOverhead) > limits.MaxMessageBytes()-1<<10 {
			t.Errorf("%d entries make a message of %d bytes, at most %d", len(p.Entries), size, limits.MaxMessageBytes())
		}
	}
}
