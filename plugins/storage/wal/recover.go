package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// candidate is a segment file that recovery found.
type candidate struct {
	*segment
	length int64 // of the file
	used   bool  // it begins with a valid start record
	first  header
	start  start
}

// open recovers the log in j.fs, or begins one. After an error no file is open.
func (j *journal) open(idle time.Duration) (err error) {
	j.upkeep = newUpkeep(idle)
	defer func() {
		if err != nil {
			err = errors.Join(err, j.abandon())
		}
	}()
	found, err := j.findSegments()
	if err != nil {
		return err
	}
	if len(found) == 0 {
		err = j.begin()
	} else {
		err = j.recover(found)
	}
	if err != nil {
		return err
	}
	return markBegun(j.fs, j.id)
}

// run begins the background work.
func (j *journal) run() {
	j.retireBefore(j.state.firstSegment(j.tail.segment.number))
	j.upkeep.begin(j)
}

// begin makes the first segment of a new log. Its start record is in it when
// it gets its name, so a first segment without one is damaged.
func (j *journal) begin() error {
	j.state = newLogState(&start{}, 0, 0)
	return j.replaceTail(1, min(firstSegmentBytes, j.config.SegmentBytes), nil)
}

// findSegments opens all segments, oldest first, and removes unfinished ones.
func (j *journal) findSegments() ([]*candidate, error) {
	names, err := j.fs.List(".")
	if err != nil {
		return nil, err
	}
	var found []*candidate
	for _, name := range names {
		if isTemp(name) {
			if err := j.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		number, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		s, err := j.openSegment(number)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
		j.segments = append(j.segments, s.segment)
		if prev := found[0].number + uint64(len(found)) - 1; number != prev {
			return nil, damagef(segmentName(prev), 0, "the file is missing, the log goes on with %s", name)
		}
	}
	return found, nil
}

func (j *journal) openSegment(number uint64) (*candidate, error) {
	f, err := j.fs.Open(segmentName(number))
	if err != nil {
		return nil, err
	}
	c := &candidate{segment: &segment{number: number, file: f}}
	if c.length, err = f.Size(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	sc := newScanner(f, c.length, number, j.id.salt)
	r, ok, _, err := sc.next()
	if err != nil {
		return nil, errors.Join(unreadable(segmentName(number), 0, err), f.Close())
	}
	if !ok {
		return c, nil
	}
	c.first, c.used = r.header, true
	if c.start, err = decodeStart(r.payload); err != nil || c.first.seq == 0 {
		return nil, errors.Join(damagef(c.name(), 0, "its start record is malformed"), f.Close())
	}
	if c.start.salt != j.id.salt || c.start.owner != j.id.owner {
		return nil, errors.Join(damagef(c.name(), 0, "it is of another store (%v)", c.start.owner), f.Close())
	}
	c.size = c.start.size
	return c, nil
}

// recover replays all segments and decides where the log goes on.
func (j *journal) recover(found []*candidate) error {
	used, spare, err := splitSpare(found)
	if err != nil {
		return err
	}
	j.state = newLogState(&used[0].start, used[0].first.index, used[0].first.term)
	for i, c := range used[:len(used)-1] {
		next := used[i+1]
		if err := j.replaySealed(c, next); err != nil {
			return err
		}
	}
	last := used[len(used)-1]
	end, err := j.judgeTail(last, spare)
	if err != nil {
		return err
	}
	if err := j.replay(last, end.suspect.seq, nil); err != nil {
		return err
	}
	j.segments = j.segments[:len(used)]
	if spare != nil {
		if err := spare.retire(); err != nil {
			return err
		}
	}
	if end.clean {
		err = j.resume(last, end)
	} else {
		err = j.salvage(last, end)
	}
	if err != nil {
		return err
	}
	if spare != nil && j.tail.segment.number != spare.number {
		if err := j.fs.Remove(spare.name()); err != nil {
			return err
		}
	}
	return j.verifyState()
}

// splitSpare separates a last segment that was prepared but not yet used.
func splitSpare(found []*candidate) (used []*candidate, spare *candidate, err error) {
	n := len(found)
	for i, c := range found {
		if !c.used && (i < n-1 || n == 1 || c.length < minSegmentBytes) {
			return nil, nil, damagef(c.name(), 0, "it does not begin with a start record")
		}
	}
	if last := found[n-1]; !last.used {
		return found[:n-1], last, nil
	}
	if last := found[n-1]; last.length != last.size {
		return nil, nil, damagef(last.name(), last.length, "the file should have %d bytes", last.size)
	}
	return found, nil, nil
}

// replaySealed replays a segment that has a successor: all of it must be there.
func (j *journal) replaySealed(c, next *candidate) error {
	if next.first.seq <= c.first.seq {
		return damagef(next.name(), 0, "its first record is %d, that of the segment before is %d", next.first.seq, c.first.seq)
	}
	return j.replay(c, next.first.seq, &next.first.chain)
}

// replay takes in a segment's records up to sequence end, which must all be
// there; chain, if not nil, is what the last of them must have.
func (j *journal) replay(c *candidate, end uint64, chain *uint32) error {
	sc := newScanner(c.file, c.length, c.number, j.id.salt)
	for sc.seq < end {
		from := sc.off
		if from == 0 && c.first.seq >= end {
			break // nothing of this segment is known to be durable
		}
		r, ok, why, err := sc.next()
		if err != nil {
			return unreadable(c.name(), from, err)
		}
		if !ok {
			return damagef(c.name(), from, "%s in the place of record %d, and the log goes on until record %d; "+
				"entries from index %d on are at stake", why, sc.seq, end-1, j.state.last()+1)
		}
		if err := j.take(r); err != nil {
			return damagef(c.name(), from, "%v", err)
		}
	}
	if chain != nil && sc.chain != *chain {
		return damagef(c.name(), sc.off, "record %d is not the one that the next segment follows", sc.seq-1)
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
		if s.hard != l.hard || s.compacted != l.compacted || r.index != l.last() {
			return fmt.Errorf("%w: the start record says last index %d, compacted %d, %v; the segments before say %d, %d, %v",
				errMalformed, r.index, s.compacted, s.hard, l.last(), l.compacted, l.hard)
		}
		return nil
	case kindBatch:
		return j.takeBatch(r)
	case kindCompact:
		if r.index > l.last() {
			return fmt.Errorf("%w: compacted to %d, beyond the last index %d", errMalformed, r.index, l.last())
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

// takeBatch applies a batch record.
func (j *journal) takeBatch(r record) error {
	p, l := r.payload, &j.state
	if r.flags&flagHardState != 0 {
		if len(p) < hardStateBytes {
			return errMalformed
		}
		l.setHard(decodeHardState(p))
		p = p[hardStateBytes:]
	}
	if r.count > 0 {
		if r.index <= l.compacted || r.index > l.last()+1 || r.index > math.MaxUint64-uint64(r.count) {
			return fmt.Errorf("%w: entries from index %d on in a log of [%d,%d]", errMalformed, r.index, l.compacted+1, l.last())
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

// verifyState checks what must hold of a whole log.
func (j *journal) verifyState() error {
	l, at := &j.state, j.segments[0].name()
	if l.compacted < l.base {
		return damagef(at, 0, "older segments are missing: entries [%d,%d] are in none", l.compacted+1, l.base)
	}
	if l.hard.Commit > l.last() {
		return damagef(j.tail.segment.name(), j.tail.off, "the log ends at %d, its commit index is %d", l.last(), l.hard.Commit)
	}
	l.begin(storage.TermBoundary{Index: l.base, Term: l.compactedTerm})
	return nil
}
