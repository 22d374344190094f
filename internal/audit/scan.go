package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// formatVersion is the form of lines that this package writes, and the newest
// one that it reads.
const formatVersion = 1

// A scanned is what there is in one file.
type scanned struct {
	first Line // the line that opens it
	// begin is the place in the chain before the file, last the one at its end.
	begin, last Position
	records     int
	end         int64 // bytes of sound lines
	// bad says why the bytes after the sound lines are not a sound line, and
	// tail what they are. The file ends after the sound lines if bad is empty.
	bad  string
	tail tail
}

// A scanning reads one file.
type scanning struct {
	r *bufio.Reader
	// after is where the chain is before the file; nil if that is not known.
	after *Position
	// keys by their ids. A file whose key is not among them is refused, or if
	// lenient is set read without a look at its sums.
	keys    map[string]Key
	lenient bool
	sums    *summer // nil if sums are not looked at
	// each is told of each sound line; nil if the lines are not wanted.
	each func(text []byte, at Position) error
}

// errNoKey: sums of a file need a key that was not given.
var errNoKey = fmt.Errorf("%w: this file's sums need one", ErrKey)

// scan reads a file to its end. An error is one of reading, of the key, or of
// each.
func (s *scanning) scan(in io.Reader) (*scanned, error) {
	s.r = bufio.NewReaderSize(in, maxLine+1)
	f := &scanned{}
	if s.after != nil {
		f.last = *s.after
	}
	for {
		text, err := s.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(text) == 0 {
			if f.records == 0 {
				f.bad = "it is empty; a host writes a file with its first line"
			}
			return f, nil
		}
		whole := bytes.TrimSuffix(text, []byte("\n"))
		if f.bad, err = s.look(f, whole, len(whole) < len(text)); err != nil {
			return nil, err
		}
		if f.bad != "" {
			f.tail, err = s.readTail(f, text)
			return f, err
		}
		f.records++
		f.end += int64(len(text))
		if s.each != nil {
			if err := s.each(whole, f.last); err != nil {
				return nil, err
			}
		}
	}
}

// look counts the next line among the sound ones, or says why it is not sound.
func (s *scanning) look(f *scanned, text []byte, ended bool) (bad string, err error) {
	l, ok := parseLinks(text)
	switch {
	case !ok && !ended:
		return "it ends in the middle of a line", nil
	case !ok:
		return "it is no record: bytes of it were changed", nil
	case !ended:
		return "its last line has no end", nil
	}
	if f.records == 0 {
		if bad, err := s.open(f, text, l); bad != "" || err != nil {
			return bad, err
		}
	}
	return s.follows(f, l), nil
}

// open takes the line that opens the file.
func (s *scanning) open(f *scanned, text []byte, l links) (bad string, err error) {
	line, err := ParseLine(text)
	if err != nil || line.Op != opOpen {
		return "a file begins with a record that opens it, and this one does not", nil
	}
	if line.Format != formatVersion {
		return "", fmt.Errorf("form %d of audit files is not known; this program reads form %d", line.Format, formatVersion)
	}
	key, known := s.keys[line.Key]
	switch {
	case known || line.Key == "":
		s.sums = newSummer(key)
	case !s.lenient:
		return "", fmt.Errorf("%w, of id %s", errNoKey, line.Key)
	}
	if s.after == nil {
		f.last = Position{l.number - 1, l.prev}
	}
	f.begin, f.first = f.last, line
	return "", nil
}

// follows takes a line that is the next one of the chain.
func (s *scanning) follows(f *scanned, l links) (bad string) {
	next := f.last.Number + 1
	switch {
	case s.sums != nil && s.sums.sum(l.summed) != l.sum:
		return "its sum is wrong: bytes of it were changed"
	case l.number == next+1:
		return fmt.Sprintf("record %d is missing before record %d", next, l.number)
	case l.number > next:
		return fmt.Sprintf("records %d to %d are missing before record %d", next, l.number-1, l.number)
	case l.number < next:
		return fmt.Sprintf("record %d comes after record %d: records were moved, or written twice", l.number, f.last.Number)
	case l.prev != f.last.Sum:
		return fmt.Sprintf("record %d does not continue record %d: one of them was replaced", l.number, f.last.Number)
	}
	f.last = Position{l.number, l.sum}
	return ""
}
