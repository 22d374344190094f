package pluginrecord

import (
	"errors"
	"fmt"
	"io"
)

// A Series reads files that were written one after the other as one record. Where something is
// missing between two of them it has a Gap.
type Series struct {
	rest   []openFile
	path   string // of the present file
	in     *Reader
	begin  Event // the header of the first file
	last   Event // the header of the present file
	ready  []Event
	number uint64
	faults []error
	// Lives and calls are numbered from 1 in each record: those of a later one go on after the
	// greatest numbers before.
	lives, calls         uint64
	lastLife, lastCalled uint64
}

// Series reads the files from their beginnings. One of them must be a record.
func (o *Opened) Series() (*Series, error) {
	s := &Series{rest: o.files}
	if err := s.nextFile(); errors.Is(err, io.EOF) {
		return nil, errors.Join(append(s.faults, ErrNoRecord)...)
	} else if err != nil {
		return nil, err
	}
	s.begin = s.last
	return s, nil
}

// Header is what the first file begins with.
func (s *Series) Header() Event { return s.begin }

// Faults say how files ended that did not end in good order, each with its path and the byte.
func (s *Series) Faults() []error { return s.faults }

// Number is that of the event that Next has returned, from 1.
func (s *Series) Number() uint64 { return s.number }

// Next returns the next event. At the end of the last file, or where it is cut or damaged, it is
// io.EOF.
func (s *Series) Next() (Event, error) {
	for {
		if len(s.ready) > 0 {
			e := s.ready[0]
			s.ready = s.ready[1:]
			s.number++
			return e, nil
		}
		if s.in == nil {
			return Event{}, io.EOF
		}
		e, err := s.in.Next()
		if err == nil {
			s.number++
			s.renumber(&e)
			return e, nil
		}
		if !errors.Is(err, io.EOF) {
			s.fault(err)
		}
		s.in = nil
		if len(s.rest) == 0 {
			continue
		}
		if err := s.follow(err); err != nil {
			return Event{}, err
		}
	}
}

// renumber makes the numbers of an event those of the series.
func (s *Series) renumber(e *Event) {
	if e.Life != 0 {
		e.Life += s.lives
		s.lastLife = max(s.lastLife, e.Life)
	}
	if e.Call != 0 {
		e.Call += s.calls
		s.lastCalled = max(s.lastCalled, e.Call)
	}
}

// follow goes on with the next file after one that ended with err.
func (s *Series) follow(err error) error {
	before := s.last
	faults := len(s.faults)
	if err := s.nextFile(); errors.Is(err, io.EOF) {
		return nil // none of the rest can be read
	} else if err != nil {
		return err
	}
	if s.last.Plugin != s.begin.Plugin {
		return fmt.Errorf("%w: %s is of a %s, and the one before of a %s", ErrNoRecord, s.path, s.last.Plugin, s.begin.Plugin)
	}
	switch {
	case s.last.Series != before.Series:
		s.lives, s.calls = s.lastLife, s.lastCalled
		s.ready = append(s.ready, s.last)
	case s.last.Number != before.Number+1 || !errors.Is(err, io.EOF) || len(s.faults) > faults:
		s.ready = append(s.ready, Event{Kind: Gap, Time: s.last.Time})
	}
	return nil
}

// nextFile begins the next file that is a record, and notes those that are not. It is io.EOF if there is
// none.
func (s *Series) nextFile() error {
	for len(s.rest) > 0 {
		file := s.rest[0]
		s.rest = s.rest[1:]
		in, err := NewReader(io.NewSectionReader(file, 0, file.size))
		if err == nil {
			s.path, s.in, s.last = file.Name(), in, in.Header()
			return nil
		}
		err = fmt.Errorf("%s: %w", file.Name(), err)
		if !errors.Is(err, ErrNoRecord) && !errors.Is(err, ErrCut) && !errors.Is(err, ErrDamaged) {
			return err
		}
		s.faults = append(s.faults, err)
	}
	return io.EOF
}

func (s *Series) fault(err error) {
	s.faults = append(s.faults, fmt.Errorf("%s: %w", s.path, err))
}
