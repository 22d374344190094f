package pluginrecord

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// numberDigits is how many digits the number of an older file has.
const numberDigits = 10

// nextFile makes the file at the path of the options. The one that is there gets a number, unless
// no event came into it, and the oldest ones are removed, as retire says. Nothing but records
// is renamed or removed.
func nextFile(o Options) (*os.File, error) {
	if err := vfs.MakeOSDir(filepath.Dir(o.Path)); err != nil {
		return nil, err
	}
	older, err := numbered(o.Path)
	if err != nil {
		return nil, err
	}
	last := uint64(0)
	if len(older) > 0 {
		last = older[len(older)-1]
	}
	if _, err := os.Lstat(o.Path); err == nil {
		if err := checkRecord(o.Path); err != nil {
			return nil, err
		}
		if hasEvent(o.Path) {
			err, older = os.Rename(o.Path, olderName(o.Path, last+1)), append(older, last+1)
		} else {
			err = os.Remove(o.Path)
		}
		if err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := retire(o, older); err != nil {
		return nil, err
	}
	return os.OpenFile(o.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// retire removes the oldest files, until the others leave room for one more in the bytes of
// all. It goes by bytes, since a host that is started again and again, or whose disk is full, makes
// many short files: the long one before them is the record of why.
func retire(o Options, older []uint64) error {
	room := o.MaxFileBytes * int64(o.MaxFiles-1)
	for i := len(older) - 1; i >= 0; i-- {
		info, err := os.Lstat(olderName(o.Path, older[i]))
		if err != nil {
			return err
		}
		if room -= info.Size(); room >= 0 && len(older)-i < MaxFiles {
			continue
		}
		for _, n := range older[:i+1] {
			if err := removeRecord(olderName(o.Path, n)); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// hasEvent tells whether a record has an event beside its header, as far as it can be read.
func hasEvent(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }()
	in, err := NewReader(f)
	if err == nil {
		_, err = in.Next()
	}
	return !errors.Is(err, io.EOF) && !errors.Is(err, ErrCut)
}

func olderName(path string, number uint64) string {
	return fmt.Sprintf("%s.%0*d", path, numberDigits, number)
}

// numbered are the numbers of the older files of a record, in order.
func numbered(path string) (all []uint64, err error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil && olderName(path, n) == filepath.Join(filepath.Dir(path), e.Name()) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

func removeRecord(path string) error {
	if err := checkRecord(path); err != nil {
		return err
	}
	return os.Remove(path)
}

// checkRecord refuses a file that is not a record, and one that no record can be told from.
func checkRecord(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is there and is not a file, so it is left alone: choose another path", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	begin := make([]byte, len(magic))
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(begin[:n]) != magic[:n] {
		return fmt.Errorf("%s is there and is not a record of a plugin, so it is left alone: choose another path", path)
	}
	return nil
}

// Files are those of the record at path, in the order in which they were written.
func Files(path string) ([]string, error) {
	older, err := numbered(path)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, n := range older {
		all = append(all, olderName(path, n))
	}
	if _, err := os.Stat(path); err == nil || len(all) == 0 {
		all = append(all, path)
	}
	return all, nil
}
