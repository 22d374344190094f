package core

import (
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// entryOverhead is at least what an entry takes beside its data on its way to the
// storage: data of a byte or two are many entries in a batch of the largest size, and the
// message with it is bounded too.
const entryOverhead = 40

// batchParts are the parts of a batch, each of at most limit bytes of entries; a
// larger entry stands alone. Raft makes such batches when a follower takes in
// several messages before its next write.
//
// What one batch would make durable at once now becomes so step by step, so
// every prefix must be a sound state: term and vote come with the first part,
// and no part has a commit index beyond its own last entry.
func batchParts(b storage.Batch, limit uint64) []storage.Batch {
	var parts []storage.Batch
	from, size := 0, uint64(0)
	for i := range b.Entries {
		n := uint64(len(b.Entries[i].Data)) + entryOverhead
		if i > from && size+n > limit {
			parts = append(parts, partOf(b, from, i))
			from, size = i, 0
		}
		size += n
	}
	if from == 0 {
		return []storage.Batch{b}
	}
	return append(parts, storage.Batch{Entries: b.Entries[from:], HardState: b.HardState, MustSync: b.MustSync})
}

// partOf is the part [from, to) of b, to be followed by another.
func partOf(b storage.Batch, from, to int) storage.Batch {
	part := storage.Batch{Entries: b.Entries[from:to], HardState: b.HardState, MustSync: b.MustSync}
	part.HardState.Commit = min(part.HardState.Commit, b.Entries[to-1].Index)
	return part
}
