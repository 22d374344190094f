package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/membercert"
)

// The authority's files, beside those of the members.
const (
	authorityName = "ca"
	authorityCert = authorityName + ".crt"
	authorityKey  = authorityName + ".key"
)

// writtenFile is one file in the JSON of cert init.
type writtenFile struct {
	Path string `json:"path"`
	Of   string `json:"of"`
}

// write makes the certificates. It looks first whether any file is in the way,
// so that it does all or nothing as far as that goes.
func (r *certRequest) write(wanted []wantedCert) ([]writtenFile, error) {
	for _, w := range wanted {
		for _, path := range []string{w.file + ".crt", w.file + ".key"} {
			path = filepath.Join(r.dir, path)
			if _, err := os.Lstat(path); err == nil {
				return nil, fmt.Errorf("%s: %w: move it away, or choose another directory", path, fs.ErrExist)
			}
		}
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	authority, written, err := r.authority()
	if err != nil {
		return written, err
	}
	for _, w := range wanted {
		pair, err := w.issue(authority)
		if err != nil {
			return written, err
		}
		files, err := writePair(filepath.Join(r.dir, w.file), w.of, pair)
		written = append(written, files...)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// authority is the one in the directory, or a new one.
func (r *certRequest) authority() (*membercert.Authority, []writtenFile, error) {
	cert, certErr := os.ReadFile(filepath.Join(r.dir, authorityCert))
	key, keyErr := os.ReadFile(filepath.Join(r.dir, authorityKey))
	switch {
	case errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist):
		return r.newAuthority()
	case certErr != nil || keyErr != nil:
		return nil, nil, fmt.Errorf("authority in %s: %w", r.dir, errors.Join(certErr, keyErr))
	}
	authority, err := membercert.ReadAuthority(membercert.Pair{Cert: cert, Key: key})
	if err != nil {
		return nil, nil, fmt.Errorf("authority in %s: %w", r.dir, err)
	}
	return authority, nil, nil
}

func (r *certRequest) newAuthority() (*membercert.Authority, []writtenFile, error) {
	const times = 10
	authority, err := membercert.NewAuthority("pontoon, for trying out", times*r.valid)
	if err != nil {
		return nil, nil, err
	}
	pair, err := authority.Pair()
	if err != nil {
		return nil, nil, err
	}
	written, err := writePair(filepath.Join(r.dir, authorityName), "the authority", pair)
	return authority, written, err
}

// writePair writes path.crt and path.key, which must not exist.
func writePair(path, of string, p membercert.Pair) ([]writtenFile, error) {
	var written []writtenFile
	for _, f := range []struct {
		path string
		text []byte
	}{{path + ".key", p.Key}, {path + ".crt", p.Cert}} {
		if err := writeNew(f.path, f.text); err != nil {
			return written, err
		}
		written = append(written, writtenFile{f.path, of})
	}
	return written, nil
}

func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
