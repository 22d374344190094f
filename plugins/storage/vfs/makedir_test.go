package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestADirectoryThatWasMadeOutlivesACrash, and all that is synced in it: at
// every point of a first call, and of one after a crash of the first.
// Directories made before, as by an operator, are there from the beginning.
func TestADirectoryThatWasMadeOutlivesACrash(t *testing.T) {
	first := NewMem()
	must(t, first.Mkdir("var"), first.SyncDir("."))
	crashes := 0
	first.OnOp(func(op Op) {
		if !op.Mutates() {
			return
		}
		for _, keep := range []Keep{KeepNothing, KeepAll} {
			crashes++
			m := first.Crash(keep)
			makeAndFill(t, m)
			expectFiles(t, m.Crash(KeepNothing), map[string]string{"var/lib/data/storage/a": "1"})
		}
	})
	makeAndFill(t, first)
	first.OnOp(nil)
	expectFiles(t, first.Crash(KeepNothing), map[string]string{"var/lib/data/storage/a": "1"})
	if crashes < 10 {
		t.Errorf("only %d crashes", crashes)
	}
}

// makeAndFill is what a host and its plugin do: a data directory, a
// directory in it, and a synced file in that.
func makeAndFill(t *testing.T, m *Mem) {
	t.Helper()
	must(t, MakeDir(m, "var/lib/data"), MakeDir(m, "var/lib/data/storage"))
	home := Sub(m, "var/lib/data/storage")
	if err := home.Remove("a"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	must(t, put(t, home, "a", "1").SyncAll(), home.SyncDir("."))
}

// TestACrashTakesWhatIsInALostDirectory: a file that is durable in a directory
// that is not has no name any more.
func TestACrashTakesWhatIsInALostDirectory(t *testing.T) {
	m := NewMem()
	must(t, m.Mkdir("d"), put(t, m, "d/a", "1").SyncAll(), m.SyncDir("d"))
	after := m.Crash(KeepNothing)
	expectFiles(t, after, map[string]string{})
	must(t, MakeDir(after, "d"))
	if names, err := after.List("d"); err != nil || len(names) != 0 {
		t.Errorf("a directory that is made anew has %v, %v", names, err)
	}
}

// TestMakeOSDir makes what is missing for its owner alone, goes through symbolic
// links, and is content with what is there.
func TestMakeOSDir(t *testing.T) {
	root := t.TempDir()
	link := filepath.Join(root, "link")
	must(t, os.Mkdir(filepath.Join(root, "elsewhere"), 0o700), os.Symlink(filepath.Join(root, "elsewhere"), link))
	for _, dir := range []string{filepath.Join(root, "a", "b", "c"), filepath.Join(root, "a"), link, filepath.Join(link, "x", "y")} {
		for range 2 {
			must(t, MakeOSDir(dir))
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o600))
	for _, dir := range []string{filepath.Join(root, "file"), filepath.Join(root, "file", "x")} {
		if err := MakeOSDir(dir); err == nil {
			t.Errorf("%s was made", dir)
		}
	}
}
