package core

import (
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/vfs"
)

func open(t *testing.T, dir string) *pins {
	t.Helper()
	fsys, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	p, err := openPins(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a host remembers of stores outlives it: its own, and the first one that
// each peer showed.
func TestPinsOutliveTheHost(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	if err := p.admit(0xa); err != nil {
		t.Fatal(err)
	}
	p.pin(2, 0xb)
	p.pin(2, 0xc) // another store under the same id is not believed later
	if err := p.save(); err != nil {
		t.Fatal(err)
	}
	next := open(t, dir)
	if next.of(2) != 0xb || next.of(3) != 0 {
		t.Errorf("pinned %x", next.peers)
	}
	if err := next.admit(0xa); err != nil {
		t.Errorf("the same store: %v", err)
	}
	if err := open(t, dir).admit(0xd); !errors.Is(err, ErrLostData) {
		t.Errorf("another store: %v", err)
	}
	if err := open(t, dir).admit(0xa); err != nil {
		t.Errorf("the right store again: %v", err)
	}
	if err := next.lose("entry 10 was applied, the log ended at 0"); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).admit(0xa); !errors.Is(err, ErrLostData) || !strings.Contains(err.Error(), "entry 10") {
		t.Errorf("a store that lost data: %v", err)
	}
}

// A file that cannot be read is not taken for a host without memory.
func TestDamagedPinsAreRefused(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"store":"xyz"}`, `{"version":1,"peers":{"zz":"1"}}`, `{"version":1,"shop":1}`} {
		fsys, err := vfs.OS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer fsys.Close()
		if err := replaceFile(fsys, pinsName, pinsTemp, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := openPins(fsys); !errors.Is(err, errPins) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
