package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// folder makes a folder with a file that says whose store it is.
func folder(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name, "store"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name, "store"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// From each state in which a host can be interrupted, the next one finds a whole store in the
// place, and the other one nowhere that is opened: the old one up to the switch and on the way
// back, and the copy from the switch on.
func TestAnInterruptedMoveIsSettled(t *testing.T) {
	const place, made, left = "storage", "storage.pebble.new", "storage.wal.1"
	for _, x := range []struct {
		name    string
		phase   Phase
		folders map[string]string
		has     string
		trial   bool
	}{
		{"a copy is being made", Copying, map[string]string{place: "old", made: "part"}, "old", false},
		{"no copy was begun", Copying, map[string]string{place: "old"}, "old", false},
		{"nothing is switched", Switching, map[string]string{place: "old", made: "new"}, "new", true},
		{"the old store has gone", Switching, map[string]string{left: "old", made: "new"}, "new", true},
		{"all is switched", Switching, map[string]string{left: "old", place: "new"}, "new", true},
		{"a switch was given up", Switching, map[string]string{place: "old"}, "old", false},
		{"the copy was not used", Trial, map[string]string{left: "old", place: "new"}, "new", true},
		{"the way back begins", Returning, map[string]string{left: "old", place: "new"}, "old", false},
		{"the copy has gone", Returning, map[string]string{left: "old", made: "new"}, "old", false},
		{"the old store is back", Returning, map[string]string{place: "old", made: "new"}, "old", false},
		{"the way back is over", Returning, map[string]string{place: "old"}, "old", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range x.folders {
				folder(t, dir, name, text)
			}
			m := Move{From: "wal", To: "pebble", Left: left, Phase: x.phase}
			if x.folders[left] != "" { // a trial may have come as far as the mark
				if err := MarkLeft(filepath.Join(dir, left), "pebble"); err != nil {
					t.Fatal(err)
				}
			}
			trial, err := m.Settle(dir)
			if err != nil || trial != x.trial || content(t, dir, place) != x.has || content(t, dir, made) != "" {
				t.Errorf("%v, on trial %v; in place %q, copy %q", err, trial, content(t, dir, place), content(t, dir, made))
			}
			if marked, err := IsLeft(filepath.Join(dir, place)); marked || err != nil {
				t.Errorf("the store in place is marked as left: %v, %v", marked, err)
			}
			if old := content(t, dir, left); (old == "old") != x.trial {
				t.Errorf("the store that was left has %q", old)
			}
		})
	}
}

// Folders that no move leaves are not touched.
func TestUnknownFoldersAreNotTouched(t *testing.T) {
	for _, phase := range []Phase{Copying, Switching, Returning} {
		dir := t.TempDir()
		folder(t, dir, "storage.pebble.new", "new")
		m := Move{From: "wal", To: "pebble", Left: "storage.wal.1", Phase: phase}
		if _, err := m.Settle(dir); !errors.Is(err, ErrMove) || content(t, dir, m.Copy()) != "new" {
			t.Errorf("%s: %v, and the copy has %q", phase, err, content(t, dir, m.Copy()))
		}
	}
}

// A note of a move that no host writes is refused with its file: its names are those of
// folders that are renamed and removed.
func TestAForgedMoveIsRefused(t *testing.T) {
	for name, m := range map[string]Move{
		"a path":            {From: "wal", To: "pebble", Left: "storage.wal/../../x", Phase: Copying},
		"another folder":    {From: "wal", To: "pebble", Left: "transport", Phase: Copying},
		"the copy itself":   {From: "wal", To: "pebble", Left: "storage.pebble.new", Phase: Switching},
		"a name with a way": {From: "wal", To: "../x", Left: "storage.wal.1", Phase: Switching},
		"one backend":       {From: "wal", To: "wal", Left: "storage.wal.1", Phase: Switching},
		"no phase":          {From: "wal", To: "pebble", Left: "storage.wal.1", Phase: "done"},
	} {
		disk := vfs.NewMem()
		p := Pins{Move: &m}
		if err := p.Write(disk); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPins(disk); !errors.Is(err, ErrPins) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A store that comes back lacks nothing, so that it loses a mark that it was given at the end
// of the trial, and one with a mark that was put back by hand keeps it.
func TestAStoreThatComesBackHasNoMark(t *testing.T) {
	for phase, folders := range map[Phase][]string{
		Returning: {"storage.wal.1", "storage"}, // the copy is in the place
		Copying:   {"storage"},
	} {
		dir := t.TempDir()
		for _, name := range folders {
			folder(t, dir, name, name)
		}
		if err := MarkLeft(filepath.Join(dir, folders[0]), "pebble"); err != nil {
			t.Fatal(err)
		}
		m := Move{From: "wal", To: "pebble", Left: "storage.wal.1", Phase: phase}
		if err := m.Back(dir); err != nil || content(t, dir, "storage") != folders[0] {
			t.Errorf("%s: %v, in place %q", phase, err, content(t, dir, "storage"))
		}
		if left, err := IsLeft(filepath.Join(dir, "storage")); err != nil || left != (phase == Copying) {
			t.Errorf("%s: marked %v, %v", phase, left, err)
		}
	}
}

// The mark of a store that was left is found, and is written again after an interruption.
func TestAStoreThatWasLeftIsKnown(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := MarkLeft(dir, "pebble"); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := IsLeft(dir); !left || err != nil {
		t.Errorf("%v, %v", left, err)
	}
	gone := filepath.Join(dir, "gone")
	if err := MarkLeft(gone, "pebble"); err != nil {
		t.Error(err)
	}
	if left, err := IsLeft(gone); left || err != nil {
		t.Errorf("%v, %v of no store", left, err)
	}
}
