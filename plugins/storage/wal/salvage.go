package wal

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
)

// place is a record's place in the log.
type place struct {
	off   int64
	seq   uint64
	chain uint32 // of the record before
}

// ending is where the records of the last segment end.
type ending struct {
	end place
	// suspect is the first record that is not known to be durable; it is end
	// if there is none.
	suspect place
	// mark is the highest durable mark among the segment's records.
	mark uint64
	// clean: suspect are only marks, and behind them there are only zeros.
	clean bool
}

// judgeTail finds the end of the log and tells a torn tail from damage. spare
// is the prepared segment after it, or nil.
//
// A record that is missing was either never known to be on disk, and then the tail is
// torn and the log ends before it, or it was synced and has been damaged since. A sound
// record after it proves nothing: two records whose syncs had not returned may reach the
// disk in either order. A durable mark does. A header with a mark at or beyond the missing
// sequence was encoded after a sync of that record had returned. So all headers that can
// be found are asked: those before the end, those after it in the segment, and those in
// the prepared segment, which was in use if its start record is the one that is torn.
func (j *journal) judgeTail(c, spare *candidate) (ending, error) {
	e, why, err := j.findEnd(c)
	if err != nil {
		return ending{}, err
	}
	missing := e.end.seq
	if e.mark >= missing {
		return ending{}, corruption.At(c.name(), e.end.off, "%s in the place of record %d, but records up to %d were synced",
			why, missing, e.mark)
	}
	behind, err := surveyRest(c.file, c.length, c.number, j.id.Salt, e.end.off)
	if err != nil {
		return ending{}, err
	}
	if behind.mark >= missing {
		return ending{}, corruption.At(c.name(), e.end.off, "%s in the place of record %d, but the header at offset %d "+
			"says that records up to %d were synced", why, missing, behind.at, behind.mark)
	}
	if spare != nil {
		ahead, err := surveyRest(spare.file, spare.length, spare.number, j.id.Salt, 0)
		if err != nil {
			return ending{}, err
		}
		if ahead.mark >= missing {
			return ending{}, corruption.At(spare.name(), 0, "no start record, but the header at offset %d says "+
				"that records up to %d were synced; the segment before ends with record %d", ahead.at, ahead.mark, missing-1)
		}
	}
	if behind.nonZero > 0 {
		e.clean = false
		j.logger.Warn("the log has a torn tail, which was never acknowledged",
			"file", c.name(), "offset", e.end.off, "bytes", behind.nonZero, "found", why)
	}
	return e, nil
}

// findEnd walks to the end of the last segment's records, and notes those that no mark
// has covered so far: they are the suspects.
func (j *journal) findEnd(c *candidate) (ending, string, error) {
	sc := newScanner(c.file, c.length, c.number, j.id.Salt)
	var suspects []place
	var kinds []recordKind
	mark, last := uint64(0), recordKind(0)
	for {
		at := place{off: sc.off, seq: sc.seq, chain: sc.chain}
		r, ok, why, err := sc.next()
		if err != nil {
			return ending{}, "", corruption.Unreadable(c.name(), at.off, err)
		}
		if !ok {
			e := ending{end: at, suspect: at, mark: mark, clean: true}
			if len(suspects) > 0 {
				e.suspect = suspects[0]
			}
			for _, k := range kinds {
				e.clean = e.clean && k == kindMark
			}
			if last == kindSeal && !j.hasSegment(c.number+1) {
				return ending{}, "", corruption.At(segmentName(c.number+1), 0, "the file is missing, the segment before it is sealed")
			}
			return e, why, nil
		}
		if at.off == 0 {
			at = place{seq: r.seq, chain: r.chain}
		}
		suspects, kinds, last = append(suspects, at), append(kinds, r.kind), r.kind
		if r.mark > mark {
			mark = r.mark
			known := 0
			for known < len(suspects) && suspects[known].seq <= mark {
				known++
			}
			suspects, kinds = suspects[known:], kinds[known:]
		}
	}
}

func (j *journal) hasSegment(number uint64) bool {
	n := len(j.segments)
	return n > 0 && j.segments[n-1].number >= number
}

// resume goes on in the last segment. The marks at its end are written again:
// they may be in the page cache only, and what follows builds on them.
func (j *journal) resume(c *candidate, e ending) error {
	j.tail = tail{segment: c.segment, off: e.end.off, seq: e.end.seq, chain: e.end.chain}
	if n := e.end.off - e.suspect.off; n > 0 {
		marks := make([]byte, n)
		if _, err := c.file.ReadAt(marks, e.suspect.off); err != nil {
			return corruption.Unreadable(c.name(), e.suspect.off, err)
		}
		if _, err := c.file.WriteAt(marks, e.suspect.off); err != nil {
			return fmt.Errorf("write %s again: %w", c.name(), freespace.Error(err))
		}
		if err := c.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", c.name(), err)
		}
	}
	j.tail.durable = e.end.seq - 1
	j.tail.marked = j.tail.durable // the marks themselves need none
	return nil
}

// salvage writes the records that are not known to be durable into a new
// segment: they may be in the page cache only, after a sync that failed, where
// syncing the same file again would prove nothing.
func (j *journal) salvage(c *candidate, e ending) error {
	number := c.number + 1
	if e.suspect.off == 0 {
		number = c.number // nothing of it is known to be durable: replace all of it
	}
	records, bytes, err := j.suspects(c, e)
	if err != nil {
		return err
	}
	need := bytes + headerBytes + startBytes + markBytes + headerBytes
	size := nextSegmentBytes(min(firstSegmentBytes, j.config.SegmentBytes)/2, need, j.config.SegmentBytes)
	j.tail.seq, j.tail.chain = e.suspect.seq, e.suspect.chain
	if err := j.replaceTail(number, size, records); err != nil {
		return err
	}
	j.logger.Info("the end of the log was written again into a new segment",
		"file", j.tail.segment.name(), "records", len(records), "bytes", bytes)
	if number == c.number {
		return nil
	}
	// The log does not go on in the old segment: give its space back. The new
	// one says where the old one ends, so this need not be durable.
	if err := c.file.Truncate(e.suspect.off); err != nil {
		j.logger.Warn("cannot cut the segment to its length", "file", c.name(), "error", err)
	} else if err := c.file.SyncAll(); err != nil {
		j.logger.Warn("cannot cut the segment to its length", "file", c.name(), "error", err)
	}
	return nil
}

// suspects reads the records from e.suspect to e.end that say anything.
func (j *journal) suspects(c *candidate, e ending) ([]record, int64, error) {
	sc := newScanner(c.file, c.length, c.number, j.id.Salt)
	sc.off, sc.seq, sc.chain = e.suspect.off, e.suspect.seq, e.suspect.chain
	var records []record
	bytes := int64(0)
	for sc.off < e.end.off {
		r, ok, why, err := sc.next()
		if err != nil {
			return nil, 0, corruption.Unreadable(c.name(), sc.off, err)
		}
		if !ok {
			return nil, 0, corruption.At(c.name(), sc.off, "%s, where a moment ago there was record %d", why, sc.seq)
		}
		switch r.kind {
		case kindBatch, kindCompact, kindInstall:
			r.payload = append([]byte(nil), r.payload...)
			records = append(records, r)
			bytes += r.size()
		}
	}
	return records, bytes, nil
}

// replaceTail makes the segment with that number, holding a start record and then
// the given records, and makes it the last one. It gets its name when all of it is
// durable, so its marks vouch for all of it. Until then the segment that it follows
// or replaces is untouched: a crash leaves a temporary file, which the next Open
// removes before it judges the same tail again.
func (j *journal) replaceTail(number uint64, size int64, records []record) error {
	s, err := j.makeSegment(number, size)
	if err != nil {
		return fmt.Errorf("prepare segment %d of %d bytes: %w", number, size, freespace.Error(err))
	}
	if n := len(j.segments); n > 0 && j.segments[n-1].number == number {
		if err := j.segments[n-1].retire(); err != nil {
			return err
		}
		j.segments = j.segments[:n-1]
	}
	j.segments = append(j.segments, s)
	first := max(j.tail.seq, 1)
	all := first + uint64(len(records)) + 2 // sequence of the last record, after two marks
	j.tail = tail{segment: s, seq: first, chain: j.tail.chain}
	j.startRecord(all)
	for _, r := range records {
		at := j.openRecord()
		off := j.tail.off + int64(at)
		j.buf = append(j.buf, r.payload...)
		j.closeRecord(at, header{kind: r.kind, flags: r.flags, index: r.index, term: r.term, count: r.count, mark: all})
		r.segment, r.off = number, off
		if err := j.take(r); err != nil {
			return corruption.At(s.name(), off, "%v", err)
		}
		if len(j.buf) > maxWriteBytes {
			if err := j.flush(false); err != nil {
				return err
			}
		}
	}
	j.markRecords(all)
	if err := j.flush(false); err != nil {
		return err
	}
	if err := s.file.SyncAll(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name(), freespace.Error(err))
	}
	j.tail.durable = j.tail.seq - 1
	return s.place(j.fs)
}
