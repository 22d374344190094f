package wal

import (
	"fmt"
	"math"

	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
)

// replaySealed replays a segment that has a successor: all of it must be there.
//
// Its records end where those of the next segment begin. There may be more: when records
// were doubtful after a crash, they were written again into the next segment (salvage),
// and the old ones are superseded. The chain shows that the last record taken in is the
// one that the next segment follows.
func (j *journal) replaySealed(c, next *candidate) error {
	if next.first.seq <= c.first.seq {
		return corruption.At(next.name(), 0, "its first record is %d, that of the segment before is %d", next.first.seq, c.first.seq)
	}
	return j.replay(c, next.first.seq, &next.first.chain)
}

// replay takes in a segment's records up to sequence end, which must all be
// there; chain, if not nil, is what the last of them must have.
func (j *journal) replay(c *candidate, end uint64, chain *uint32) error {
	sc := newScanner(c.file, c.length, c.number, j.id.Salt)
	for sc.seq < end {
		from := sc.off
		if from == 0 && c.first.seq >= end {
			break // nothing of this segment is known to be durable
		}
		r, ok, why, err := sc.next()
		if err != nil {
			return corruption.Unreadable(c.name(), from, err)
		}
		if !ok {
			return corruption.At(c.name(), from, "%s in the place of record %d, and the log goes on until record %d; "+
				"entries from index %d on are at stake", why, sc.seq, end-1, j.state.Last+1)
		}
		if err := j.take(r); err != nil {
			return corruption.At(c.name(), from, "%v", err)
		}
	}
	if chain != nil && sc.chain != *chain {
		return corruption.At(c.name(), sc.off, "record %d is not the one that the next segment follows", sc.seq-1)
	}
	return nil
}

// take applies a record that was read to the state.
func (j *journal) take(r record) error {
	l := &j.state
	switch r.kind {
	case kindStart:
		s, err := decodeStart(r.payload)
		if err != nil {
			return err
		}
		if s.hard != l.Hard || s.compacted != l.compacted || r.index != l.Last {
			return fmt.Errorf("%w: the start record says last index %d, compacted %d, %v; the segments before say %d, %d, %v",
				errMalformed, r.index, s.compacted, s.hard, l.Last, l.compacted, l.Hard)
		}
		return nil
	case kindBatch:
		return j.takeBatch(r)
	case kindCompact:
		if r.index > l.Last {
			return fmt.Errorf("%w: compacted to %d, beyond the last index %d", errMalformed, r.index, l.Last)
		}
		l.compact(r.index, r.term)
		return nil
	case kindInstall:
		if len(r.payload) != hardStateBytes {
			return errMalformed
		}
		l.install(r.index, r.term, decodeHardState(r.payload))
		return nil
	case kindMark, kindSeal:
		return nil
	}
	return errMalformed
}

// takeBatch applies a batch record. Entries that begin at an index that the log has
// replace that entry and all after it: later records win. They cannot begin at a
// compacted index, as what was compacted was committed.
func (j *journal) takeBatch(r record) error {
	p, l := r.payload, &j.state
	if r.flags&flagHardState != 0 {
		if len(p) < hardStateBytes {
			return errMalformed
		}
		l.SetHard(decodeHardState(p))
		p = p[hardStateBytes:]
	}
	if r.count > 0 {
		if r.index <= l.compacted || r.index > l.Last+1 || r.index > math.MaxUint64-uint64(r.count) {
			return fmt.Errorf("%w: entries from index %d on in a log of [%d,%d]", errMalformed, r.index, l.compacted+1, l.Last)
		}
		l.cut(r.index)
	}
	for i := uint64(0); i < uint64(r.count); i++ {
		e, n, err := decodeEntry(p, r.index+i)
		if err != nil {
			return err
		}
		l.add(e.Term, entryRef{
			segment: uint32(r.segment),
			offset:  uint32(r.off + int64(headerBytes+len(r.payload)-len(p))),
			length:  uint32(n),
			crc:     checksum(p[:n]),
		})
		p = p[n:]
	}
	if len(p) != 0 {
		return errMalformed
	}
	return nil
}
