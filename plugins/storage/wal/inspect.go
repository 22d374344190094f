package wal

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
)

// RecordUnreadable is the Kind of bytes that are neither a record nor zero.
const RecordUnreadable = "unreadable"

// Record is one record of a log, or a stretch of bytes that is not a record.
type Record struct {
	// Segment is the file, Offset and Bytes the place in it.
	Segment       string
	Offset, Bytes int64
	// Kind is start, batch, compact, install, mark, seal or RecordUnreadable.
	Kind string
	// Seq numbers the records of the whole log; records up to Mark were known
	// to be durable when this one was written.
	Seq, Mark uint64
	// Index and Term are of the first entry and the last one of a batch, and
	// of the last entry of the log, or the one compacted or installed,
	// elsewhere.
	Index, Term uint64
	// HardState is nil if the record has none.
	HardState *storage.HardState
	// Entries are a batch's. Their data is valid until the visit returns.
	Entries []storage.Entry
	// Problem says what is wrong; empty for a sound record.
	Problem string
}

// Segment is one file of a log, as Scan found it.
type Segment struct {
	Name string
	// Bytes is the file's size and Used the end of its last sound record.
	Bytes, Used int64
	// Prepared: the file waits to be used.
	Prepared bool
	// FirstSeq and LastSeq are 0 if there is no sound record.
	FirstSeq, LastSeq uint64
	// FirstIndex and LastIndex bound the entries of its batches, later
	// superseded ones included; 0 if there are none.
	FirstIndex, LastIndex uint64
	Records, Entries      int
	// Unreadable counts the stretches that are not records. One at the end of
	// the last segment may be a torn tail and not damage: only opening the
	// store tells.
	Unreadable int
}

// Scan reads all segments, oldest first, and calls visit, if it is not nil,
// for every record and every stretch that is not one. An error of visit ends
// it and is returned. It goes on after damage.
func (in *Inspection) Scan(visit func(Record) error) ([]Segment, error) {
	names, err := in.fs.List(".")
	if err != nil {
		return nil, err
	}
	var all []Segment
	for _, name := range names {
		number, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		s := &inspected{in: in, number: number, visit: visit, Segment: Segment{Name: name}}
		if err := s.scan(); err != nil {
			return all, err
		}
		all = append(all, s.Segment)
	}
	return all, nil
}

// inspected is a segment while it is scanned.
type inspected struct {
	Segment
	in     *Inspection
	number uint64
	visit  func(Record) error
}

func (s *inspected) scan() (err error) {
	f, err := s.in.fs.Open(s.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if s.Bytes, err = f.Size(); err != nil {
		return err
	}
	sc := newScanner(f, s.Bytes, s.number, s.salt(newScanner(f, s.Bytes, s.number, 0)))
	for {
		r, ok, why, err := sc.next()
		if err != nil {
			return corruption.Unreadable(s.Name, sc.off, err)
		}
		if ok {
			if err := s.take(r); err != nil {
				return err
			}
			continue
		}
		more, err := s.skip(sc, why)
		if err != nil || !more {
			return err
		}
	}
}

// salt is that of the identity or, if it cannot be read, the one that the
// segment's start record has.
func (s *inspected) salt(first *scanner) uint32 {
	if s.in.id != nil {
		return s.in.id.Salt
	}
	if r, ok, _, err := first.next(); ok && err == nil {
		if start, err := decodeStart(r.payload); err == nil {
			return start.salt
		}
	}
	return 0
}

// skip moves on from bytes that are not a record to the next header whose CRC
// fits. It returns false if there is none.
func (s *inspected) skip(sc *scanner, why string) (more bool, err error) {
	from := sc.off
	behind, err := surveyRest(sc.win.file, s.Bytes, s.number, sc.salt, from)
	if err != nil {
		return false, err
	}
	if behind.nonZero == 0 {
		s.Prepared = s.Records == 0 && s.Unreadable == 0
		return false, nil
	}
	at, h, err := sc.resync(from + recordAlign)
	if err != nil {
		return false, corruption.Unreadable(s.Name, from, err)
	}
	end := from + behind.nonZero
	if at > 0 {
		end = at
		sc.off, sc.seq, sc.chain = at, h.seq, h.chain
	}
	s.Unreadable++
	return at > 0, s.show(Record{
		Segment: s.Name, Offset: from, Bytes: end - from, Kind: RecordUnreadable,
		Problem: why + " in the place of record " + strconv.FormatUint(s.LastSeq+1, 10),
	})
}

// resync returns the first place from off on with a header of this segment
// whose checksum is right; 0 if there is none.
func (s *scanner) resync(off int64) (int64, header, error) {
	for at := off; at+headerBytes <= s.win.size; at += recordAlign {
		b, err := s.win.bytes(at, headerBytes)
		if err != nil {
			return 0, header{}, err
		}
		h, ok := decodeHeader(b, s.salt)
		if ok && h.segment == s.segment && h.kind != kindStart {
			return at, h, nil
		}
	}
	return 0, header{}, nil
}

// take counts and shows a record whose checksums are right.
func (s *inspected) take(r record) error {
	out := Record{
		Segment: s.Name, Offset: r.off, Bytes: r.size(), Kind: r.kind.String(),
		Seq: r.seq, Mark: r.mark, Index: r.index, Term: r.term,
	}
	if err := out.content(r); err != nil {
		out.Problem = err.Error()
	}
	if s.Records == 0 {
		s.FirstSeq = r.seq
	}
	s.Records++
	s.LastSeq, s.Used = r.seq, r.off+r.size()
	s.Entries += len(out.Entries)
	for _, e := range out.Entries {
		if s.FirstIndex == 0 || e.Index < s.FirstIndex {
			s.FirstIndex = e.Index
		}
		s.LastIndex = max(s.LastIndex, e.Index)
	}
	return s.show(out)
}

func (s *inspected) show(r Record) error {
	if s.visit == nil {
		return nil
	}
	return s.visit(r)
}

// content decodes a record's payload.
func (out *Record) content(r record) error {
	p := r.payload
	switch {
	case r.kind == kindStart:
		st, err := decodeStart(p)
		if err != nil {
			return err
		}
		out.HardState = &st.hard
		return nil
	case r.kind == kindInstall || r.kind == kindBatch && r.flags&flagHardState != 0:
		if len(p) < hardStateBytes {
			return errMalformed
		}
		hs := decodeHardState(p)
		out.HardState, p = &hs, p[hardStateBytes:]
	}
	if r.kind != kindBatch {
		return nil
	}
	for i := range uint64(r.count) {
		e, n, err := decodeEntry(p, r.index+i)
		if err != nil {
			return fmt.Errorf("entry %d: %w", r.index+i, err)
		}
		out.Entries = append(out.Entries, e)
		p = p[n:]
	}
	return nil
}

// String is the name that docs/formats/wal.md gives the kind.
func (k recordKind) String() string {
	switch k {
	case kindStart:
		return "start"
	case kindBatch:
		return "batch"
	case kindCompact:
		return "compact"
	case kindInstall:
		return "install"
	case kindMark:
		return "mark"
	case kindSeal:
		return "seal"
	}
	return "kind " + strconv.Itoa(int(k))
}
