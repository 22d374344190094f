package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// systems are all implementations; both must behave alike.
func systems(t *testing.T) map[string]FS {
	t.Helper()
	disk, err := OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	return map[string]FS{"OS": disk, "Mem": NewMem()}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, fsys FS, name, content string) File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func content(t *testing.T, fsys FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	must(t, f.Close())
	return string(b)
}

func TestFiles(t *testing.T) {
	for name, fsys := range systems(t) {
		t.Run(name, func(t *testing.T) {
			f := put(t, fsys, "a", "hello")
			if _, err := fsys.Create("a"); !errors.Is(err, fs.ErrExist) {
				t.Errorf("Create of an existing file = %v", err)
			}
			if _, err := fsys.Open("none"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open of no file = %v", err)
			}
			must(t, f.Preallocate(10), f.Sync(), f.SyncAll())
			if got := content(t, fsys, "a"); got != "hello\x00\x00\x00\x00\x00" {
				t.Errorf("preallocated file is %q", got)
			}
			must(t, f.Preallocate(3)) // never shortens
			must(t, f.Truncate(2))
			if got := content(t, fsys, "a"); got != "he" {
				t.Errorf("truncated file is %q", got)
			}
			if _, err := f.WriteAt([]byte("xy"), 4); err != nil {
				t.Fatal(err)
			}
			if got := content(t, fsys, "a"); got != "he\x00\x00xy" {
				t.Errorf("file with a hole is %q", got)
			}
			if n, err := f.ReadAt(make([]byte, 4), 4); n != 2 || !errors.Is(err, io.EOF) {
				t.Errorf("ReadAt over the end = %d, %v", n, err)
			}
			info, err := fsys.Stat("a")
			if err != nil || info.Size != 6 || info.Dir {
				t.Errorf("Stat = %+v, %v", info, err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, fsys := range systems(t) {
		t.Run(name, func(t *testing.T) {
			put(t, fsys, "b", "1")
			put(t, fsys, "a", "2")
			must(t, fsys.Mkdir("d"), fsys.SyncDir("."))
			put(t, fsys, "d/c", "3")
			names, err := fsys.List(".")
			if err != nil || !slices.Equal(names, []string{"a", "b", "d"}) {
				t.Errorf("List = %v, %v", names, err)
			}
			must(t, fsys.Rename("a", "b"), fsys.SyncDir("."))
			if got := content(t, fsys, "b"); got != "2" {
				t.Errorf("after the rename, b is %q", got)
			}
			if err := fsys.Rename("a", "z"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Rename of no file = %v", err)
			}
			f, err := fsys.Open("b")
			must(t, err)
			must(t, fsys.Remove("b"))
			if _, err := fsys.Open("b"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open of a removed file = %v", err)
			}
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, 0); err != nil || b[0] != '2' {
				t.Errorf("a removed file that is open reads %q, %v", b, err)
			}
			must(t, f.Close())
		})
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	first, err := OS(dir)
	must(t, err)
	second, err := OS(link)
	must(t, err)
	t.Cleanup(func() { _ = errors.Join(first.Close(), second.Close()) })
	mem := NewMem()
	for name, pair := range map[string][2]FS{"OS": {first, second}, "Mem": {mem, mem}} {
		t.Run(name, func(t *testing.T) {
			lock, err := pair[0].Lock("LOCK", "the first one")
			must(t, err)
			for range 2 { // a refused attempt leaves the lock alone
				_, err = pair[1].Lock("LOCK", "the second one")
				var held *HeldError
				if !errors.As(err, &held) || held.Holder != "the first one" || !errors.Is(err, ErrHeld) {
					t.Fatalf("second Lock = %v, want held by the first one", err)
				}
			}
			must(t, lock.Close())
			lock, err = pair[1].Lock("LOCK", "the second one")
			must(t, err)
			must(t, lock.Close())
		})
	}
}

// TestRootCannotBeLeft: neither a name nor a link leads out of the directory.
func TestRootCannotBeLeft(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "root")
	must(t, os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(outer, "secret"), []byte("x"), 0o600),
		os.Symlink("../secret", filepath.Join(dir, "link")))
	fsys, err := OS(dir)
	must(t, err)
	t.Cleanup(func() { _ = fsys.Close() })
	for _, name := range []string{"../secret", "link", filepath.Join(outer, "secret")} {
		if f, err := fsys.Open(name); err == nil {
			_ = f.Close()
			t.Errorf("Open(%q) left the root", name)
		}
	}
	f := put(t, fsys, "new", "")
	must(t, f.Sync())
	info, err := os.Stat(filepath.Join(dir, "new"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new file has mode %v, %v", info.Mode(), err)
	}
}

// TestFree: a file system says how much room it has.
func TestFree(t *testing.T) {
	for name, fsys := range systems(t) {
		t.Run(name, func(t *testing.T) {
			for what, fsys := range map[string]FS{"itself": fsys, "under an overlay": &overlay{base: fsys}} {
				if n, err := fsys.Free(); err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && n <= 0 {
					t.Errorf("%s: Free() = %d, %v", what, n, err)
				}
			}
		})
	}
	m := NewMem()
	m.SetFree(17)
	if n, err := m.Crash(KeepNothing).Free(); n != 17 || err != nil {
		t.Errorf("Free() = %d, %v after SetFree(17) and a crash", n, err)
	}
}
