package pluginrecord

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// openTries is how often the files of a record are opened anew because a host has renewed one
// meanwhile.
const openTries = 10

// Opened are the files of a record as they were at one moment. Each reading is of the same bytes,
// also while a host goes on with the record, renames its files and removes them.
type Opened struct{ files []openFile }

// An openFile is read up to the size that it had.
type openFile struct {
	*os.File
	size int64
}

var errRenewed = errors.New("the files of the record are renewed faster than they are opened")

// Open opens the files of the record at path.
func Open(path string) (*Opened, error) {
	for range openTries {
		paths, err := Files(path)
		if err != nil {
			return nil, err
		}
		o, err := OpenFiles(paths)
		again, listed := Files(path)
		if listed == nil && slices.Equal(again, paths) && (err != nil || o.isLast(path)) {
			return o, err
		}
		if err == nil {
			o.Close()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: %w", path, errRenewed)
}

// OpenFiles opens files that were written one after the other.
func OpenFiles(paths []string) (*Opened, error) {
	o := &Opened{}
	for _, path := range paths {
		f, err := openRegular(path)
		if err != nil {
			o.Close()
			return nil, err
		}
		o.files = append(o.files, f)
	}
	return o, nil
}

// openRegular opens a file. A pipe is refused before it is opened, since that would wait for a writer.
func openRegular(path string) (openFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return openFile{}, err
	}
	if !info.Mode().IsRegular() {
		return openFile{}, fmt.Errorf("%s: %w: it is not a file", path, ErrNoRecord)
	}
	f, err := os.Open(path)
	if err != nil {
		return openFile{}, err
	}
	if info, err = f.Stat(); err != nil {
		_ = f.Close()
		return openFile{}, err
	}
	return openFile{f, info.Size()}, nil
}

// isLast tells whether the last file is the one that path names now, if it names one.
func (o *Opened) isLast(path string) bool {
	now, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	last, err := o.files[len(o.files)-1].Stat()
	return err == nil && os.SameFile(now, last)
}

// Paths are those under which the files were opened.
func (o *Opened) Paths() (all []string) {
	for _, f := range o.files {
		all = append(all, f.Name())
	}
	return all
}

// Close closes the files.
func (o *Opened) Close() {
	for _, f := range o.files {
		_ = f.Close() // it was only read
	}
}
