package core

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A data directory is made for its owner alone. One that others may write to is
// refused with what to do.
func TestDataDirectoryIsItsOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows the mode of a file does not say who may write to it")
	}
	dir := filepath.Join(t.TempDir(), "parent", "data")
	if err := makeDataDir(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("made with %v, %v", info.Mode(), err)
	}
	for mode, refused := range map[os.FileMode]bool{0o700: false, 0o750: false, 0o755: false, 0o770: true, 0o702: true, 0o777: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		err := makeDataDir(dir)
		if refused != errors.Is(err, plugins.ErrInvalidConfig) || (err != nil && !strings.Contains(err.Error(), "chmod 0700 "+dir)) {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
}

// The owner of a directory can replace what is in it, whatever its mode.
func TestDirectoriesOfOtherUsersAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := makeDataDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(dir); !errors.Is(err, plugins.ErrInvalidConfig) || !errors.Is(err, ownership.ErrForeign) {
		t.Errorf("a directory of another user: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(link, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(filepath.Join(link, "data")); !errors.Is(err, ownership.ErrForeign) {
		t.Errorf("below a link of another user: %v", err)
	}
}
