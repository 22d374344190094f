package node

import (
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// simDisk is what survives a crash.
type simDisk struct {
	hs       storage.HardState
	first    uint64
	before   uint64          // term of the entry before first
	entries  []storage.Entry // from first on
	snapshot *simSnapshot
	received map[uint64]*simSnapshot
}

type simSnapshot struct {
	meta     storage.SnapshotMetadata
	registry *member.Registry
	applied  []string
	time     uint64
}

// finishAppend makes the oldest appends durable and says so.
func (n *simNode) finishAppend(count int) {
	switch {
	case n.slowDisk.waits(n.s.rnd):
		n.write()
		return
	case n.slowDisk.ticks > 0:
		count = 1
	case n.condition.Has(DiskStalled):
		return
	}
	for range min(count, len(n.appends)) {
		if n.written == 0 {
			n.write()
		}
		a := n.appends[0]
		n.appends, n.written = n.appends[1:], n.written-1
		if a.Install != nil { // the restore comes before every later apply
			n.applies = append(n.applies, simApply{restore: n.disk.snapshot})
		}
		n.promised = true
		n.check(n.core.AppendDone(a.Number))
	}
}

// write puts the oldest append on the disk that is not there yet, and leaves it
// unacknowledged.
func (n *simNode) write() {
	if n.written < len(n.appends) {
		n.persist(n.appends[n.written])
		n.written++
	}
}

// persist writes one append to the disk.
func (n *simNode) persist(a Append) {
	d := &n.disk
	if a.Install != nil {
		d.snapshot = d.received[a.Install.Index]
		d.first, d.entries, d.before = a.Install.Index+1, nil, a.Install.Term
	}
	if es := a.Batch.Entries; len(es) > 0 {
		d.entries = append(slices.Clone(d.entries[:es[0].Index-d.first]), es...)
	}
	if a.Batch.HardState != (storage.HardState{}) {
		d.hs = a.Batch.HardState
	}
}

// snapshot saves the state machine's state and compacts the log up to it.
func (n *simNode) snapshot() {
	d := &n.disk
	if n.index < d.first || n.taken == nil || d.snapshot != nil && n.index <= d.snapshot.meta.Index || n.index > d.first-1+uint64(len(d.entries)) {
		return
	}
	meta := storage.SnapshotMetadata{Index: n.index, Term: n.term, ConfState: storage.ConfState{Voters: n.taken.Voters(), Learners: n.taken.Learners()}}
	d.snapshot = &simSnapshot{meta: meta, registry: n.taken, applied: slices.Clone(n.applied), time: n.time}
	n.core.SnapshotSaved(meta)
	if keep := uint64(n.s.rnd.Intn(20)); n.index > keep && n.index-keep >= d.first {
		to := n.index - keep
		d.before = d.entries[to-d.first].Term
		d.entries = slices.Clone(d.entries[to+1-d.first:])
		d.first = to + 1
		n.core.Compacted(d.first)
	}
}

// crash loses what is in memory, and names that were not synced; of the writes
// under way a prefix survives.
func (n *simNode) crash() {
	for range n.s.rnd.Intn(len(n.appends) - n.written + 1) {
		n.write()
	}
	n.crashHome()
	if n.s.rnd.Intn(2) == 0 {
		n.s.wire = slices.DeleteFunc(n.s.wire, func(m simMessage) bool {
			if m.to == n.id && m.snapshot != nil && m.from != n.id {
				from := n.s.nodes[m.from-1] // every snapshot ends in one status
				_ = from.core.SnapshotStatus(n.id, false)
			}
			return m.to == n.id
		})
	}
	n.s.note("crash", n.id)
	clear(n.disk.received)
	n.boot()
}
