package audit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Tailer reads the lines of a directory as they come, through rotations. It
// checks nothing: that is Verify's.
type Tailer struct {
	dir    string
	number uint64 // of the file that it is in
	offset int64  // of what it has not read there
}

// NewTailer makes a Tailer that begins with the file in which the records since
// that moment begin; with the zero Time it begins with the last but one.
func NewTailer(dir string, since time.Time) (*Tailer, error) {
	t := &Tailer{dir: dir}
	numbers, err := numbersIn(dir)
	if err != nil {
		return nil, err
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		t.number = numbers[i]
		if since.IsZero() {
			if i+2 == len(numbers) {
				break
			}
			continue
		}
		if begun, err := t.begun(numbers[i]); err != nil || begun.Before(since) {
			break
		}
	}
	return t, nil
}

// begun is when a file was begun.
func (t *Tailer) begun(number uint64) (time.Time, error) {
	f, err := os.Open(filepath.Join(t.dir, FileName(number)))
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	text, err := bufio.NewReaderSize(f, maxLine+1).ReadSlice('\n')
	if err != nil {
		return time.Time{}, err
	}
	l, err := ParseLine(bytes.TrimSuffix(text, []byte("\n")))
	return l.Time, err
}

// Read gives each the whole lines that it has not given yet. A line that is
// longer than any of a host is given in pieces.
func (t *Tailer) Read(each func(text []byte) error) error {
	for {
		if err := t.readFile(each); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		numbers, err := numbersIn(t.dir)
		if err != nil {
			return err
		}
		next := slices.IndexFunc(numbers, func(n uint64) bool { return n > t.number })
		if next < 0 {
			return nil
		}
		if err := t.readFile(each); err != nil && !errors.Is(err, fs.ErrNotExist) { // what came before the rotation
			return err
		}
		t.number, t.offset = numbers[next], 0
	}
}

func (t *Tailer) readFile(each func(text []byte) error) error {
	f, err := os.Open(filepath.Join(t.dir, FileName(t.number)))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(f, maxLine+1)
	for {
		text, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		t.offset += int64(len(text))
		if err := each(bytes.TrimSuffix(text, []byte("\n"))); err != nil {
			return err
		}
	}
}
