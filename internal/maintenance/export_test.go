package maintenance

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A file that is written over after it was verified does not become a store: what is read
// then is verified too, the header included.
func TestAnExportThatChangesWhileItIsReadIsNotRestored(t *testing.T) {
	header := &server.SnapshotHeader{ClusterID: 7, Index: 5, Term: 2, StateMachine: "kv", Registry: &member.Registry{}}
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := WriteExport(path, func(w io.Writer) error {
		if err := header.Encode(w); err != nil {
			return err
		}
		_, err := w.Write(bytes.Repeat([]byte("state"), 100))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{-1, len(exportMagic) + 12, len(whole) - 100} {
		e, err := openExport(path)
		if err != nil {
			t.Fatal(err)
		}
		other := bytes.Clone(whole)
		if at >= 0 {
			other[at] ^= 1
		}
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Fatal(err)
		}
		content, err := e.streamWith(header)
		if err == nil {
			_, err = io.Copy(io.Discard, content)
		}
		if (at < 0) != (err == nil) || err != nil && at == len(whole)-100 && !errors.Is(err, ErrDamaged) {
			t.Errorf("with byte %d changed it is read: %v", at, err)
		}
		if err := errors.Join(e.file.Close(), os.WriteFile(path, whole, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// While an export is written, and after one that failed, no file has its name: a backup that was
// killed half-way is not taken for one. A file that has the name by then is not replaced.
func TestAnExportHasItsNameWhenItIsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	absent := func() {
		t.Helper()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there is a file of that name: %v", err)
		}
	}
	full := errors.New("disk full")
	if _, err := WriteExport(path, func(io.Writer) error { absent(); return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	absent()
	taken := func(io.Writer) error { return os.WriteFile(path, []byte("another"), 0o600) }
	if _, err := WriteExport(path, taken); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file of that name: %v", err)
	}
	if b, err := os.ReadFile(path); string(b) != "another" {
		t.Errorf("the other file has %q, %v", b, err)
	}
	if left, err := os.ReadDir(dir); len(left) != 1 || err != nil {
		t.Errorf("it has left %v, %v", left, err)
	}
}
