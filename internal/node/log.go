package node

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// log is raft's view of what is stable, answered from the host's memory: raft
// asks for terms and entries constantly, and most errors of its Storage
// interface are panics, so no answer may depend on a plugin.
//
// Invariants:
//   - first-1 <= snapshot index, if there is a snapshot; every index in
//     [first-1, last] has a known term.
//   - tail holds the entries [tailFirst, last] with tailFirst <= putOut+1: the
//     entries that raft may put out for apply are always in memory.
//   - below putOut the tail is bounded by maxTail bytes of data. Entries that the state
//     machine has not got yet are not kept here (ADR 0031).
//
// For a follower that needs entries of [first, tailFirst), a fetch is asked
// for: meanwhile Entries answers ErrCompacted and Snapshot answers
// ErrSnapshotTemporarilyUnavailable, so that raft tries again at the next
// heartbeat instead of sending a snapshot. The fetched window serves until
// another one replaces it.
//
// It is used by the raft goroutine only.
type log struct {
	hardState *pb.HardState
	confState *pb.ConfState

	first, last uint64
	terms       termIndex

	tail      []*pb.Entry
	tailFirst uint64
	tailBytes uint64 // of data, in the part at or below putOut and above
	maxTail   uint64
	putOut    uint64 // the last entry that came out for apply: to raft it is applied
	compactTo uint64 // given up on disk; here only up to putOut

	snapshot *pb.SnapshotMetadata // newest visible one; nil if none

	window  []*pb.Entry // fetched from disk, contiguous
	want    fetchRange  // asked for and not answered yet
	wantNew bool        // want is to be put out
	refused bool        // the last Entries was refused for the sake of want
}

// fetchRange is a range [lo, hi) of entries to read from the storage plugin.
type fetchRange struct{ lo, hi uint64 }

var _ raft.Storage = (*log)(nil)

// InitialState implements raft.Storage.
func (l *log) InitialState() (*pb.HardState, *pb.ConfState, error) {
	return l.hardState, l.confState, nil
}

// FirstIndex implements raft.Storage.
func (l *log) FirstIndex() (uint64, error) { return l.first, nil }

// LastIndex implements raft.Storage.
func (l *log) LastIndex() (uint64, error) { return l.last, nil }

// Term implements raft.Storage.
func (l *log) Term(i uint64) (uint64, error) {
	switch {
	case i+1 < l.first:
		return 0, raft.ErrCompacted
	case i > l.last:
		return 0, raft.ErrUnavailable
	}
	return l.terms.term(i), nil
}

// Entries implements raft.Storage.
func (l *log) Entries(lo, hi, maxSize uint64) ([]*pb.Entry, error) {
	l.refused = false
	switch {
	case lo < l.first:
		return nil, raft.ErrCompacted
	case hi > l.last+1:
		return nil, raft.ErrUnavailable
	case lo >= l.tailFirst:
		return limit(l.tail[lo-l.tailFirst:hi-l.tailFirst], maxSize), nil
	}
	if n := uint64(len(l.window)); n > 0 && lo >= l.window[0].GetIndex() && lo < l.window[0].GetIndex()+n {
		at := lo - l.window[0].GetIndex()
		return limit(l.window[at:min(n, at+hi-lo)], maxSize), nil
	}
	if l.want == (fetchRange{}) {
		l.want = fetchRange{lo: lo, hi: l.tailFirst}
		l.wantNew = true
	}
	l.refused = true
	return nil, raft.ErrCompacted
}

// Snapshot implements raft.Storage. Raft asks right after Entries or Term
// answered ErrCompacted.
func (l *log) Snapshot() (*pb.Snapshot, error) {
	if l.refused || l.snapshot == nil {
		l.refused = false
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return &pb.Snapshot{Metadata: l.snapshot}, nil
}

// limit returns the longest prefix within maxSize bytes and entriesAtOnce, but at
// least one entry, capped so that the caller's appends do not reach into the log.
func limit(entries []*pb.Entry, maxSize uint64) []*pb.Entry {
	var size uint64
	for i, e := range entries {
		size += entrySize(e)
		if i > 0 && (size > maxSize || i == entriesAtOnce) {
			return entries[:i:i]
		}
	}
	return entries[:len(entries):len(entries)]
}

// entryOverhead bounds the encoded size of an entry without its data.
const entryOverhead = 32

func entrySize(e *pb.Entry) uint64 { return uint64(len(e.GetData())) + entryOverhead }

// append adds stable entries, discarding what conflicts with them. Messages that raft has
// not handed out yet may share the tail's memory, so a suffix that is discarded is never
// overwritten in place: the part that stays has no capacity to spare, and the new entries go
// to another array.
func (l *log) append(entries []*pb.Entry) {
	if len(entries) == 0 {
		return
	}
	lo := entries[0].GetIndex()
	if lo <= l.last { // a conflicting suffix: keep only what precedes it
		keep := l.tail[:max(lo, l.tailFirst)-l.tailFirst]
		l.tail = keep[:len(keep):len(keep)]
		l.tailBytes = size(l.tail)
		l.dropWindow()
	}
	for _, e := range entries {
		l.terms.note(e.GetIndex(), e.GetTerm())
		l.tailBytes += entrySize(e)
	}
	l.tail = append(l.tail, entries...)
	l.last = entries[len(entries)-1].GetIndex()
}

func size(entries []*pb.Entry) (n uint64) {
	for _, e := range entries {
		n += entrySize(e)
	}
	return n
}

// putOutTo records what came out for apply.
func (l *log) putOutTo(index uint64) { l.putOut = max(l.putOut, index) }

// trim drops from the tail what is no longer needed and over the bound. Messages
// that raft has not handed out yet share the tail's memory, so it is called when
// there are none.
func (l *log) trim() {
	l.compact(l.compactTo)
	drop := 0
	for l.tailBytes > l.maxTail && drop < len(l.tail) && l.tail[drop].GetIndex() <= l.putOut {
		l.tailBytes -= entrySize(l.tail[drop])
		l.tail[drop] = nil // free the entry before the array
		drop++
	}
	l.tail = l.tail[drop:]
	l.tailFirst += uint64(drop)
}

// compact gives up entries up to and including index; those that have not
// come out for apply as soon as they do.
func (l *log) compact(index uint64) {
	l.compactTo = max(l.compactTo, index)
	if index = min(l.compactTo, l.putOut); index < l.first {
		return
	}
	l.terms.compact(index)
	l.first = index + 1
	if l.tailFirst < l.first {
		n := l.first - l.tailFirst
		l.tailBytes -= size(l.tail[:n])
		clear(l.tail[:n])
		l.tail = l.tail[n:]
		l.tailFirst = l.first
	}
	l.dropWindow()
}

// restore makes an installed snapshot the start of the log.
func (l *log) restore(meta *pb.SnapshotMetadata) {
	index := meta.GetIndex()
	l.snapshot = meta
	l.terms.reset(index, meta.GetTerm())
	l.first, l.last, l.tailFirst = index+1, index, index+1
	l.tail, l.tailBytes = nil, 0
	l.putOut = max(l.putOut, index)
	l.dropWindow()
}

// fetched takes entries that were read from disk for a fetch; none if it
// failed. Entries that the log has meanwhile overwritten or compacted are
// thrown away.
func (l *log) fetched(entries []storage.Entry) {
	l.want, l.wantNew = fetchRange{}, false
	if len(entries) == 0 {
		return
	}
	window := fromEntries(entries)
	lo, hi := window[0].GetIndex(), window[len(window)-1].GetIndex()
	if lo < l.first || hi > l.last {
		return
	}
	for i, e := range window {
		if e.GetIndex() != lo+uint64(i) || l.terms.term(e.GetIndex()) != e.GetTerm() {
			return
		}
	}
	l.window = window
}

// dropWindow forgets fetched entries and any fetch that is under way.
func (l *log) dropWindow() {
	l.window = nil
}

// takeFetch returns a fetch that must be started.
func (l *log) takeFetch() (fetchRange, bool) {
	if !l.wantNew {
		return fetchRange{}, false
	}
	l.wantNew = false
	return l.want, true
}
