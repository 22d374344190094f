// Package certfiles is what all that speak TLS share of their PEM files: how
// one is read, how several are read anew when they change, and how a
// certificate's end is told.
//
// New files serve new connections. Files that cannot be used change nothing and
// are complained of once, at the second look that finds them: several files are
// not replaced in one moment.
package certfiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/regular"
	"github.com/pontoon-raft/pontoon/membercert"
)

// A File is one PEM file, with the key of the configuration that names it.
type File struct{ Key, Path string }

// Read returns the file's text. The error is a Fault.
func (f File) Read() (string, error) {
	text, err := read(f.Path)
	if err != nil {
		return "", &Fault{f.Key, err}
	}
	return text, nil
}

func read(path string) (string, error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, membercert.MaxPEMBytes+1))
	if err != nil {
		return "", err
	}
	if len(text) > membercert.MaxPEMBytes {
		return "", fmt.Errorf("%s is larger than %d bytes: it holds something else", path, membercert.MaxPEMBytes)
	}
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		return "", fmt.Errorf("%s begins with a byte order mark, which hides its first block: save it as UTF-8 without one (sed -i '1s/^\\xEF\\xBB\\xBF//' FILE)", path)
	}
	return string(text), nil
}

// readAll reads the files, and reports all that cannot be read. It may run between
// two changes that belong together; the texts do not fit each other then.
func readAll(files []File) ([]string, error) {
	texts := make([]string, len(files))
	faults := make([]error, len(files))
	for i, f := range files {
		texts[i], faults[i] = f.Read()
	}
	return texts, errors.Join(faults...)
}
