package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/ownership"
)

// A tokenWriter is the next content of a file of tokens, in a file beside it. That
// file is the lock of the change as well: it can be made only once.
type tokenWriter struct {
	path string
	next *os.File // nil once it took the file's place, or was removed
}

// private is the mode of a new file of tokens.
const private = 0o600

func newTokenWriter(path string) (*tokenWriter, error) {
	next, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s.new exists: another command changes the tokens, or was killed while it did; in that case remove the file", path)
	}
	if err != nil {
		return nil, err
	}
	return &tokenWriter{path, next}, nil
}

// commit puts f into the file's place, with mode and owner of the file that info
// tells of, so that a host of another user can still read what root has changed.
func (w *tokenWriter) commit(f tokenFile, info fs.FileInfo) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode tokens: %w", err)
	}
	if _, err := w.next.Write(append(text, '\n')); err != nil {
		return err
	}
	if info != nil {
		if err := w.next.Chmod(info.Mode().Perm()); err != nil {
			return err
		}
		if err := ownership.Keep(w.next, info); err != nil {
			return fmt.Errorf("%s: keep the owner: %w", w.path, err)
		}
	}
	if err := w.next.Sync(); err != nil {
		return err
	}
	if err := w.next.Close(); err != nil {
		return err
	}
	if err := os.Rename(w.next.Name(), w.path); err != nil {
		return err
	}
	w.next = nil
	return syncDir(filepath.Dir(w.path))
}

// syncDir makes the new name of the file last. A system that cannot sync a
// directory has the file all the same.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// abandon gives up a change that was not committed.
func (w *tokenWriter) abandon() {
	if w.next == nil {
		return
	}
	w.next.Close()
	os.Remove(w.next.Name())
	w.next = nil
}
