package catalog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/shortdir"
)

func TestSweepingSparesWhatIsNotOurs(t *testing.T) {
	parent, err := os.MkdirTemp(shortdir.Parent(), "ct")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	living, err := newRuntimeDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(living.path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode: %v, %v", info.Mode(), err)
	}
	make := func(name string, mode os.FileMode) string {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	stale := make(ownerPrefix()+"1-1", 0o700)
	if err := os.WriteFile(filepath.Join(stale, "plugin1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spared := []string{living.path, make(ownerPrefix()+"2-2", 0o755), make("pontoon-x", 0o700), make("other", 0o700)}
	link := filepath.Join(parent, ownerPrefix()+"3-3")
	if err := os.Symlink(spared[3], link); err != nil {
		t.Fatal(err)
	}
	next, err := newRuntimeDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(spared, link) {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("swept: %v", err)
		}
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the directory of a dead host is still there")
	}
	for _, d := range []*runtimeDir{living, next} {
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	}
}

func TestALongTMPDIRFallsBackToAShortOne(t *testing.T) {
	long := filepath.Join(t.TempDir(), "a-directory-name-that-leaves-no-room-for-the-path-of-a-socket-below-it")
	t.Setenv("TMPDIR", long)
	if parent, err := runtimeParent(""); err != nil || parent != "/tmp" {
		t.Errorf("parent is %q, %v", parent, err)
	}
}

func TestTheRoomForSocketsIsExact(t *testing.T) {
	longest := maxSocketPath() - socketSuffix - len("/") - len(hostName(maxCatalogs-1))
	for n, good := range map[int]bool{longest: true, longest + 1: false} {
		path := make([]byte, n)
		for i := range path {
			path[i] = 'd'
		}
		path[0] = '/'
		if _, err := runtimeParent(string(path)); (err == nil) != good {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
