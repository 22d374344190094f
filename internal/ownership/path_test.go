//go:build unix

package ownership

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Everything here belongs to the test's user; names that begin with "foreign" pass
// for another user's.
func trustedByName(info fs.FileInfo) bool { return !strings.HasPrefix(info.Name(), "foreign") }

func TestPathsThroughForeignLinks(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"own/data", "foreign/data", "own/foreign-data"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"link": "own", "foreign-link": filepath.Join(root, "own"), "own/up": "..", "own/over": "../foreign-link/data",
		"loop": "loop", "nowhere": "missing/foreign",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, ok := range map[string]bool{
		"own/data":                  true,
		"link/data":                 true,
		"own/up/own/data":           true,
		"own/data/new":              true,
		"nowhere":                   true, // as far as it goes
		"foreign/data":              true, // the directory decides; a user who may write above it may also replace any link
		"own/foreign-data":          false,
		"foreign-link/data":         false,
		"own/over":                  false,
		"own/up/foreign-link":       false,
		"link/../foreign-link/data": false,
	} {
		full := filepath.Join(root, path)
		err := checkDir(full, full, trustedByName)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := checkDir("loop", filepath.Join(root, "loop"), trustedByName); err == nil || errors.Is(err, ErrForeign) {
		t.Errorf("a loop of links: %v", err)
	}
	if err := CheckDir(filepath.Join(root, "own", "data")); err != nil {
		t.Errorf("a directory of one's own: %v", err)
	}
}

// A directory of another user is refused for its owner.
func TestADirectoryOfAnotherUserIsForeign(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := CheckDir(dir); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "chown 0 "+dir) {
		t.Errorf("%v", err)
	}
}
