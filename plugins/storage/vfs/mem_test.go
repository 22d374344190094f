package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

func TestCrashTakesWhatWasNotSynced(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, m *Mem)
		want map[string]string // after a crash that keeps nothing
	}{
		{"a file without its name", func(t *testing.T, m *Mem) {
			must(t, put(t, m, "a", "1").SyncAll())
		}, map[string]string{}},
		{"a name without its content", func(t *testing.T, m *Mem) {
			put(t, m, "a", "1")
			must(t, m.SyncDir("."))
		}, map[string]string{"a": ""}},
		{"both", func(t *testing.T, m *Mem) {
			must(t, put(t, m, "a", "1").Sync(), m.SyncDir("."))
		}, map[string]string{"a": "1"}},
		{"a rename", func(t *testing.T, m *Mem) {
			must(t, put(t, m, "a", "new").Sync(), put(t, m, "b", "old").Sync(), m.SyncDir("."), m.Rename("a", "b"))
		}, map[string]string{"a": "new", "b": "old"}},
		{"a rename that was synced", func(t *testing.T, m *Mem) {
			must(t, put(t, m, "a", "new").Sync(), put(t, m, "b", "old").Sync(), m.SyncDir("."), m.Rename("a", "b"), m.SyncDir("."))
		}, map[string]string{"b": "new"}},
		{"a removal", func(t *testing.T, m *Mem) {
			must(t, put(t, m, "a", "1").Sync(), m.SyncDir("."), m.Remove("a"))
		}, map[string]string{"a": "1"}},
		{"an overwrite and a cut", func(t *testing.T, m *Mem) {
			f := put(t, m, "a", "12345")
			must(t, f.Sync(), m.SyncDir("."))
			_, err := f.WriteAt([]byte("x"), 0)
			must(t, err, f.Truncate(3))
		}, map[string]string{"a": "12345"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := NewMem()
			c.do(t, m)
			expectFiles(t, m.Crash(KeepNothing), c.want)
			all := map[string]string{}
			for name, data := range m.Files() {
				all[name] = string(data)
			}
			expectFiles(t, m.Crash(KeepAll), all)
		})
	}
}

func expectFiles(t *testing.T, m *Mem, want map[string]string) {
	t.Helper()
	got := m.Files()
	if len(got) != len(want) {
		t.Errorf("files %q, want %q", got, want)
	}
	for name, data := range want {
		if string(got[name]) != data {
			t.Errorf("%s is %q, want %q", name, got[name], data)
		}
	}
}

func TestCrashTearsAtSectors(t *testing.T) {
	m := NewMem()
	f := put(t, m, "a", strings.Repeat("o", 2000))
	must(t, f.Sync(), m.SyncDir("."))
	var write int
	m.OnOp(func(op Op) { write = op.N })
	_, err := f.WriteAt(bytes.Repeat([]byte("n"), 1200), 300)
	must(t, err)
	m.OnOp(nil)
	if n := m.PendingSectors(write); n != 3 { // 300-512, 512-1024, 1024-1500
		t.Errorf("the write has %d sectors, want 3", n)
	}
	for sectors, newBytes := range []int{0, 212, 724, 1200} {
		want := strings.Repeat("o", 300) + strings.Repeat("n", newBytes) + strings.Repeat("o", 1700-newBytes)
		expectFiles(t, m.Crash(KeepTorn(write, sectors)), map[string]string{"a": want})
	}
	torn := m.Crash(KeepRandom(rand.New(rand.NewPCG(3, 4)))).Files()["a"]
	for i, c := range torn {
		if start := max(300, i/sectorBytes*sectorBytes); i > start && i < 1500 && c != torn[start] {
			t.Fatalf("a sector is torn at %d", i)
		}
	}
}

// TestAFailedSyncIsForGood: the pages are clean, and no later sync writes them.
func TestAFailedSyncIsForGood(t *testing.T) {
	m := NewMem()
	f := put(t, m, "a", "kept")
	must(t, f.Sync(), m.SyncDir("."))
	_, err := f.WriteAt([]byte("lost"), 0)
	must(t, err)
	m.FailNth(OpSync, 1, syscall.EIO)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Sync = %v", err)
	}
	must(t, f.Sync())
	if got := content(t, m, "a"); got != "lost" {
		t.Errorf("the page cache has %q", got)
	}
	expectFiles(t, m.Crash(KeepAll), map[string]string{"a": "kept"})
	_, err = f.WriteAt([]byte("again"), 0)
	must(t, err, f.Sync())
	expectFiles(t, m.Crash(KeepNothing), map[string]string{"a": "again"})
}

func TestFaults(t *testing.T) {
	m := NewMem()
	m.FailNth(OpWrite, 2, io.ErrShortWrite)
	m.FailNth(OpCreate, 2, syscall.ENOSPC)
	f := put(t, m, "a", "12345678")
	n, err := f.WriteAt([]byte("abcdefgh"), 0)
	if n != 4 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("the second write = %d, %v, want half of it", n, err)
	}
	if got := content(t, m, "a"); got != "abcd5678" {
		t.Errorf("after a short write the file is %q", got)
	}
	if _, err := m.Create("b"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the second Create = %v", err)
	}
	if _, err := m.Stat("b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed Create left a file: %v", err)
	}
	if _, err := m.Create("b"); err != nil {
		t.Errorf("a fault is for one call, but then: %v", err)
	}
}

func TestHalt(t *testing.T) {
	m := NewMem()
	f := put(t, m, "a", "1")
	_, err := m.Lock("LOCK", "me")
	must(t, err, f.Sync(), m.SyncDir("."))
	m.Halt()
	if _, err := f.WriteAt([]byte("2"), 0); !errors.Is(err, ErrCrashed) {
		t.Errorf("a write after the end = %v", err)
	}
	if _, err := m.Open("a"); !errors.Is(err, ErrCrashed) {
		t.Errorf("Open after the end = %v", err)
	}
	after := m.Crash(KeepNothing)
	expectFiles(t, after, map[string]string{"a": "1"})
	if _, err := after.Lock("LOCK", "you"); err != nil {
		t.Errorf("the lock outlived its holder: %v", err)
	}
}
