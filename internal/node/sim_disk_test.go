package node

import (
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// simDisk is what survives a crash.
type simDisk struct {
	hs       storage.HardState
	synced   uint64 // commit that no crash takes away
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

// persist writes one append to the disk, and holds it against rules ST-12 to ST-14.
func (n *simNode) persist(a Append) {
	d := &n.disk
	if hs := a.Batch.HardState; hs != (storage.HardState{}) && (hs.Term < d.hs.Term || hs.Commit < d.hs.Commit) {
		panic(fmt.Sprintf("hard state %+v after %+v", hs, d.hs))
	}
	if a.Install != nil && (a.Install.Index < d.hs.Commit || a.Batch.HardState.Commit > a.Install.Index) {
		panic(fmt.Sprintf("install %d with %+v over %+v", a.Install.Index, a.Batch.HardState, d.hs))
	}
	if a.Install != nil {
		d.snapshot = d.received[a.Install.Index]
		d.first, d.entries, d.before = a.Install.Index+1, nil, a.Install.Term
	}
	if es := a.Batch.Entries; len(es) > 0 {
		if es[0].Index <= d.hs.Commit || es[0].Index < d.first || d.snapshot != nil && es[0].Index <= d.snapshot.meta.Index {
			panic(fmt.Sprintf("entry %d is replaced, commit %d", es[0].Index, d.hs.Commit))
		}
		d.entries = append(slices.Clone(d.entries[:es[0].Index-d.first]), es...)
	}
	if a.Batch.HardState != (storage.HardState{}) {
		d.hs = a.Batch.HardState
	}
	if a.Batch.MustSync {
		d.synced = d.hs.Commit
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
		d.first, d.synced = to+1, d.hs.Commit
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
	if d := &n.disk; d.hs.Commit > max(d.synced, d.first-1) && n.s.rnd.Intn(2) == 0 {
		d.hs.Commit = max(d.synced, d.first-1)
	}
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
