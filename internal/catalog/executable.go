package catalog

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// An executable is an open file whose bytes were verified and which is executed
// through this very descriptor, so that a file put in its place between the
// check and the start is never run.
type executable struct {
	// path is where it was found; only for messages and argv[0].
	path string
	file *os.File
	// checked is the file's state before its bytes were read.
	checked fs.FileInfo
	// script: the file begins with "#!", so an interpreter must be able to
	// read it through an inherited descriptor.
	script bool
	// sealed is a copy of a script that cannot be changed: the copy is
	// verified, and the copy runs. It is nil where scripts are not copied.
	sealed *os.File
	// aside is the descriptor that the child executes, once stepAside has made it.
	aside *os.File
	// sum is what its SHA-256 was found to be; empty if it was not asked for.
	sum string
}

// maxScriptBytes is how long a script may be.
const maxScriptBytes = 16 << 20

// errPermanentFile marks problems of the file that only a person can mend.
type errPermanentFile struct{ error }

func (e errPermanentFile) Unwrap() error { return e.error }

// openExecutable opens the file at path and verifies that it is a regular file
// that this process may execute. If wantSum is not empty, the file's SHA-256
// must be wantSum.
func openExecutable(path, wantSum string) (*executable, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// O_NONBLOCK: opening a FIFO must not wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, openError(err)
	}
	e := &executable{path: path, file: file}
	if err := e.check(wantSum); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errPermanentFile{errors.New("no such file")}
	case errors.Is(err, fs.ErrPermission):
		return errPermanentFile{errors.New("permission denied: the host cannot read it")}
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return errPermanentFile{err}
	default:
		return err
	}
}

func (e *executable) check(wantSum string) error {
	var err error
	if e.checked, err = e.file.Stat(); err != nil {
		return err
	}
	if e.checked.IsDir() {
		return errPermanentFile{errors.New("is a directory")}
	}
	if !e.checked.Mode().IsRegular() {
		return errPermanentFile{errors.New("is not a regular file")}
	}
	if !mayExecute(e.path, e.checked) {
		return errPermanentFile{fmt.Errorf("is not executable (mode %#o)", e.checked.Mode().Perm())}
	}
	if err := e.look(); err != nil {
		return err
	}
	if wantSum == "" {
		return nil
	}
	e.sum = wantSum
	return e.checkSum(wantSum)
}

// look finds out whether the file is a script, which it seals then.
func (e *executable) look() error {
	start := make([]byte, 2)
	n, err := e.file.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n == 0 {
		return errPermanentFile{errors.New("is empty")}
	}
	if e.script = bytes.Equal(start, []byte("#!")); !e.script {
		return nil
	}
	if size := e.checked.Size(); size > maxScriptBytes {
		return errPermanentFile{fmt.Errorf("is a script of %d bytes, at most %d are taken", size, maxScriptBytes)}
	}
	e.sealed, err = seal(e.file, e.checked.Size())
	return err
}

// runs is the file whose bytes are verified, and executed.
func (e *executable) runs() *os.File {
	if e.sealed != nil {
		return e.sealed
	}
	return e.file
}

// environment adds to a plugin's environment what a script cannot find out: the
// path of its file.
func (e *executable) environment(env []string) []string {
	if !e.script {
		return env
	}
	return append(slices.Clip(env), "PONTOON_PLUGIN_FILE="+e.path)
}

func (e *executable) checkSum(wantSum string) error {
	want, err := hex.DecodeString(wantSum)
	if err != nil || len(want) != sha256.Size {
		return errPermanentFile{fmt.Errorf("sha256 %s is not 64 hex digits", quote(wantSum))}
	}
	got, err := sumOf(io.NewSectionReader(e.runs(), 0, e.checked.Size()))
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return errPermanentFile{fmt.Errorf("its sha256 is %x, but %x is configured", got, want)}
	}
	return nil
}

// SumOf is the SHA-256 of a file in hex, as Spec.SHA256 has it.
func SumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, err := sumOf(f)
	return hex.EncodeToString(sum), err
}

func sumOf(r io.Reader) ([]byte, error) {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	return sum.Sum(nil), err
}

// unchanged verifies that the file was not written to since it was checked. It
// is called once the process runs: from then on the system itself refuses to
// write to the file of a running program.
func (e *executable) unchanged() error {
	if e.sealed != nil {
		return nil // the copy is what runs
	}
	now, err := e.file.Stat()
	if err != nil {
		return err
	}
	if now.Size() != e.checked.Size() || !now.ModTime().Equal(e.checked.ModTime()) {
		return errors.New("the file was changed while it was being checked and started")
	}
	if changeTime(now) == changeTime(e.checked) || e.sum == "" {
		return nil
	}
	// It has a new link or another mode, or it was written to and its time was
	// set back: only its bytes tell.
	if err := e.checkSum(e.sum); err != nil {
		return fmt.Errorf("the file was changed while it was being checked and started: %w", err)
	}
	return nil
}

func (e *executable) close() {
	_ = e.file.Close()
	if e.sealed != nil {
		_ = e.sealed.Close()
	}
	if e.aside != nil {
		_ = e.aside.Close()
	}
}
