package audit

import (
	"errors"
	"fmt"
	"io"
)

// A Source is one file of a log.
type Source struct {
	// Name is for people.
	Name string
	// Open opens it for reading.
	Open func() (io.ReadCloser, error)
}

// A Check says what Verify has to go by.
type Check struct {
	// Keys are those that the sums of the files may have been made with.
	Keys []Key
	// Head is a place of the chain that was noted elsewhere; nil if none was.
	Head *Position
	// Directory: the files are all that a host has kept. Otherwise older and newer
	// ones may be elsewhere.
	Directory bool
}

// A Verdict is what Verify has found.
type Verdict struct {
	// Sound: the files hold one chain without a gap.
	Sound bool `json:"sound"`
	Files int  `json:"files"`
	// Records is how many sound records there are, First and Last are the numbers
	// of the first and the last of them, and Head is the last one with its sum.
	Records int    `json:"records"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Head    string `json:"head"`
	// Dropped is how many records the chain says that it lacks, Open how many
	// intents have no outcome.
	Dropped uint64 `json:"dropped"`
	Open    int    `json:"open_intents"`
	// Bad is the first thing that is not sound; nil if there is none.
	Bad *Bad `json:"bad,omitempty"`
	// Notes are worth knowing of a chain that is sound.
	Notes []string `json:"notes,omitempty"`
}

// Bad is a place where a chain is broken.
type Bad struct {
	File string `json:"file"`
	// Line and Offset are where in the file it is, from 1 and from 0.
	Line   int    `json:"line"`
	Offset int64  `json:"offset"`
	Why    string `json:"why"`
}

// Verify checks files of one log, in their order. The verdict is about what they
// hold; an error says that it could not be reached.
func Verify(files []Source, c Check) (Verdict, error) {
	v := verifying{check: c, keys: map[string]Key{}, intents: map[uint64]bool{}}
	for _, k := range c.Keys {
		v.keys[k.ID] = k
	}
	for _, f := range files {
		if err := v.file(f); err != nil {
			return v.Verdict, fmt.Errorf("%s: %w", f.Name, err)
		}
		if v.Bad != nil {
			return v.Verdict, nil
		}
	}
	v.finish()
	v.Sound = v.Bad == nil
	return v.Verdict, nil
}

// A verifying is a Verify on its way.
type verifying struct {
	Verdict
	check   Check
	keys    map[string]Key
	intents map[uint64]bool // those without an outcome yet
	last    *scanned
	name    string // of last
	oldest  string // the first file
	number  uint64 // of the first file
	headSum *[32]byte
}

// file takes the next file.
func (v *verifying) file(f Source) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	s := scanning{keys: v.keys, each: v.line}
	if v.last != nil {
		s.after = &v.last.last
	}
	next, err := s.scan(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	if v.last != nil {
		v.between(f.Name, next)
	} else {
		v.First, v.oldest, v.number = next.begin.Number+1, f.Name, next.first.File
	}
	if v.Bad != nil {
		return nil
	}
	v.Files++
	v.last, v.name = next, f.Name
	if next.bad != "" && (next.records == 0 || !next.tail.torn) {
		v.broken(f.Name, next, next.bad)
	}
	return nil
}

// between checks what is between the last file and the next one.
func (v *verifying) between(name string, next *scanned) {
	switch {
	case next.records == 0:
		// Said with the file itself.
	case next.first.File != v.last.first.File+1:
		v.broken(name, &scanned{}, fmt.Sprintf("it is file %d, and comes after file %d", next.first.File, v.last.first.File))
	case v.last.bad == "" && next.first.Torn == nil && next.first.Damaged == nil:
	case v.last.bad != "" && v.last.tail.is(next.first.Torn):
		v.note("%s: the %d bytes after record %d are what a crash left of others; the host went on in %s", v.name, v.last.tail.bytes, v.last.last.Number, name)
	case v.last.bad != "":
		v.broken(v.name, v.last, v.last.bad)
	default:
		v.broken(v.name, v.last, fmt.Sprintf("bytes that %s tells of are missing after record %d", name, v.last.last.Number))
	}
}

// line takes a sound line.
func (v *verifying) line(text []byte, at Position) error {
	l, err := ParseLine(text)
	if err != nil {
		return fmt.Errorf("record %d: %w", at.Number, err)
	}
	v.Records++
	v.Last, v.Head = at.Number, at.String()
	if h := v.check.Head; h != nil && h.Number == at.Number {
		v.headSum = &at.Sum
	}
	v.Dropped += l.Records
	if l.Intent {
		v.intents[at.Number] = true
	}
	delete(v.intents, l.Of)
	return nil
}

// finish looks at what only all files together tell.
func (v *verifying) finish() {
	v.Open = len(v.intents)
	if v.last == nil {
		v.Bad = &Bad{Why: "there are no files"}
		return
	}
	if v.last.bad != "" {
		v.note("%s: %d bytes after record %d are no whole line: its host is writing it, or has ended meanwhile", v.name, v.last.tail.bytes, v.last.last.Number)
	}
	if oldest := v.last.first.Oldest; v.check.Directory && v.number > oldest {
		v.Bad = &Bad{File: v.oldest, Why: fmt.Sprintf("files %d to %d are missing before it: its host has kept them", oldest, v.number-1)}
		return
	}
	v.compareHead()
	if v.Dropped > 0 {
		v.note("the chain says that it lacks %d records", v.Dropped)
	}
	if v.Open > 0 {
		v.note("%d intents have no outcome: their requests were under way when their host ended, or are yet", v.Open)
	}
	if v.First > 1 {
		v.note("records 1 to %d are in files that are not here", v.First-1)
	}
}

// compareHead looks for the head that was noted elsewhere.
func (v *verifying) compareHead() {
	h := v.check.Head
	switch {
	case h == nil:
	case h.Number > v.Last:
		v.Bad = &Bad{File: v.name, Line: v.last.records + 1, Offset: v.last.end, Why: fmt.Sprintf(
			"records %d to %d are missing at the end: head %d was noted", v.Last+1, h.Number, h.Number)}
	case v.headSum == nil:
		v.note("record %d, which was noted, is older than all that is here", h.Number)
	case *v.headSum != h.Sum:
		v.Bad = &Bad{Why: fmt.Sprintf("record %d has another sum than was noted: the chain up to there was written anew", h.Number)}
	}
}

func (v *verifying) broken(name string, f *scanned, why string) {
	v.Bad = &Bad{File: name, Line: f.records + 1, Offset: f.end, Why: why}
}

func (v *verifying) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}
