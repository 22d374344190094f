package wal

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
)

// maxGapBytes is how much of no interest is read over at most, to fetch two
// neighbours at once: record headers, and now and then a discarded entry.
const maxGapBytes = 4 << 10

// span is a run of entries that are read from one segment with one call.
type span struct {
	segment *segment
	refs    []entryRef
	index   uint64 // of the first
}

// Read implements shell.Log. maxBytes counts 16 bytes for each entry besides its
// data. The data of entries from one span share one array.
func (j *journal) Read(lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	spans, count, err := j.plan(lo, hi, maxBytes)
	if err != nil {
		return nil, err
	}
	entries := make([]storage.Entry, 0, count)
	for i, s := range spans {
		if err == nil {
			entries, err = s.read(entries)
		}
		err = errors.Join(err, spans[i].segment.release())
	}
	if err != nil {
		return nil, fmt.Errorf("read [%d,%d): %w", lo, hi, err)
	}
	return entries, nil
}

// plan finds what to read and holds the segments open until it is read. The reads
// themselves need no lock: a place in a segment is written once, so an entry that is
// discarded or given up meanwhile is still where it was, also in a file that was removed.
func (j *journal) plan(lo, hi, maxBytes uint64) ([]span, int, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if err := j.state.CheckRead(lo, hi); err != nil {
		return nil, 0, err
	}
	refs := j.refsOf(lo, hi, maxBytes)
	var spans []span
	for from := 0; from < len(refs); {
		to := from + 1
		for to < len(refs) && adjacent(refs[to-1], refs[to]) {
			to++
		}
		s := j.segments[uint64(refs[from].segment)-j.segments[0].number]
		s.acquire()
		spans = append(spans, span{segment: s, refs: refs[from:to], index: lo + uint64(from)})
		from = to
	}
	return spans, len(refs), nil
}

// refsOf returns the refs of [lo,hi), cut to maxBytes of encoded entries but
// never to nothing.
func (j *journal) refsOf(lo, hi, maxBytes uint64) []entryRef {
	from, to := int(lo-j.state.Base-1), int(hi-j.state.Base-1)
	size := uint64(0)
	for i := from; i < to; i++ {
		size += uint64(j.state.refs.at(i).length)
		if i > from && size > maxBytes {
			to = i
		}
	}
	return j.state.refs.appendTo(make([]entryRef, 0, to-from), from, to)
}

func adjacent(a, b entryRef) bool {
	end := uint64(a.offset) + uint64(a.length)
	return a.segment == b.segment && uint64(b.offset) >= end && uint64(b.offset)-end <= maxGapBytes
}

// read appends the span's entries, each checked against what was written.
func (s *span) read(entries []storage.Entry) ([]storage.Entry, error) {
	first, last := s.refs[0], s.refs[len(s.refs)-1]
	p := make([]byte, uint64(last.offset)+uint64(last.length)-uint64(first.offset))
	if _, err := s.segment.file.ReadAt(p, int64(first.offset)); err != nil {
		return nil, corruption.Unreadable(s.segment.name(), int64(first.offset), err)
	}
	for i, r := range s.refs {
		from := r.offset - first.offset
		b := p[from : from+r.length]
		index := s.index + uint64(i)
		if checksum(b) != r.crc {
			return nil, corruption.At(s.segment.name(), int64(r.offset), "entry %d is not what was written", index)
		}
		e, _, err := decodeEntry(b, index)
		if err != nil {
			return nil, corruption.At(s.segment.name(), int64(r.offset), "entry %d: %v", index, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
