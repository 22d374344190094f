package pluginlock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// added puts a build of the ledger into the catalog.
func added(t *testing.T, c Catalog, version, text string, arguments ...string) (Entry, Added, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "build.pyz")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := c.Stage(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	return s.Commit(t.Context(), "statemachine", "ledger", version, arguments)
}

func mustAdd(t *testing.T, c Catalog, version, text string) Entry {
	t.Helper()
	e, done, err := added(t, c, version, text)
	if err != nil || done != New {
		t.Fatalf("%s: %s, %v", version, done, err)
	}
	return e
}

func newCatalog(t *testing.T) Catalog {
	t.Helper()
	c, err := At(filepath.Join(t.TempDir(), "catalog"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAVersionNeverChanges(t *testing.T) {
	c := newCatalog(t)
	first := mustAdd(t, c, "1.0", "one")
	info, err := os.Stat(c.File(&first))
	if err != nil || info.Mode().Perm() != 0o555 || !strings.HasSuffix(first.Path, "/ledger.pyz") {
		t.Fatalf("%+v: %v, %v", first, info, err)
	}
	if e, done, err := added(t, c, "1.0", "one"); err != nil || done != Unchanged || e.Added != first.Added {
		t.Errorf("the same again: %s, %v", done, err)
	}
	if _, _, err := added(t, c, "1.0", "two"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "give the new build a version of its own") {
		t.Errorf("other bytes: %v", err)
	}
	if _, _, err := added(t, c, "1.0", "one", "-v"); !errors.Is(err, ErrRefused) {
		t.Errorf("other arguments: %v", err)
	}
	for _, version := range []string{"", "../up", "a/b", ".hidden", strings.Repeat("1", 65)} {
		if _, _, err := added(t, c, version, "one"); !errors.Is(err, ErrRefused) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	damage(t, c.File(&first))
	if _, done, err := added(t, c, "1.0", "one"); err != nil || done != Repaired {
		t.Errorf("a repair: %s, %v", done, err)
	}
	if entries, differences, err := c.Verify(t.Context()); err != nil || len(entries) != 1 || len(differences) != 0 {
		t.Errorf("in the end: %v, %v, %v", entries, differences, err)
	}
}

func damage(t *testing.T, file string) {
	t.Helper()
	if err := errors.Join(os.Chmod(file, 0o700), os.WriteFile(file, []byte("eno"), 0o700)); err != nil {
		t.Fatal(err)
	}
}

func TestThePinIsTheVersionInUse(t *testing.T) {
	c := newCatalog(t)
	if _, err := c.Pinned("statemachine", "ledger"); err == nil {
		t.Error("a catalog that is not there has a version")
	}
	one := mustAdd(t, c, "1.0", "one")
	two := mustAdd(t, c, "2.0", "two")
	if e, err := c.Pinned("statemachine", "ledger"); err != nil || e.Version != "1.0" || two.Pinned {
		t.Errorf("the first is pinned: %+v, %v", e, err)
	}
	if _, err := c.Remove("statemachine", "ledger", "1.0"); !errors.Is(err, ErrRefused) {
		t.Errorf("the pinned one is removed: %v", err)
	}
	if e, err := c.Pin(t.Context(), "statemachine", "ledger", two.SHA256[:8]); err != nil || e.Version != "2.0" || !e.Pinned {
		t.Errorf("by its sum: %+v, %v", e, err)
	}
	for _, which := range []string{"3.0", two.SHA256[:7], ""} {
		if _, err := c.Pin(t.Context(), "statemachine", "ledger", which); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", which, err)
		}
	}
	held, err := Hold(c.File(&one))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Remove("statemachine", "ledger", "1.0"); !errors.Is(err, ErrInUse) {
		t.Errorf("one that a host runs is removed: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Remove("statemachine", "ledger", "1.0"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(c.File(&one)))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
	damage(t, c.File(&two))
	if _, err := c.Pin(t.Context(), "statemachine", "ledger", "2.0"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged one is pinned: %v", err)
	}
	if _, err := c.Unpin("statemachine", "ledger"); err != nil {
		t.Error(err)
	}
	if _, err := c.Pinned("statemachine", "ledger"); err == nil || !strings.Contains(err.Error(), "host plugin pin") {
		t.Errorf("none is pinned: %v", err)
	}
}

func TestVerifyNamesEachDifference(t *testing.T) {
	c := newCatalog(t)
	one, two, three := mustAdd(t, c, "1.0", "one"), mustAdd(t, c, "2.0", "two"), mustAdd(t, c, "3.0", "three")
	mustAdd(t, c, "4.0", "four")
	damage(t, c.File(&one))
	damage(t, c.File(&three))
	if err := errors.Join(os.Remove(c.File(&two)), os.WriteFile(filepath.Join(c.Dir(), ".new-1"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, differences, err := c.Verify(t.Context())
	if err != nil || len(differences) != 4 {
		t.Fatalf("%v, %v", differences, err)
	}
	for i, want := range []string{"its sha256 is", "missing", "3 bytes", "does not name"} {
		if !strings.Contains(differences[i].Text, want) {
			t.Errorf("%+v, want %q", differences[i], want)
		}
	}
	if mustAdd(t, c, "5.0", "five"); len(differences) > 0 {
		if _, now, _ := c.Verify(t.Context()); len(now) != 3 {
			t.Errorf("what a command has left that was cut short is swept: %v", now)
		}
	}
}

func TestOneCommandChangesTheCatalog(t *testing.T) {
	c := newCatalog(t)
	e := mustAdd(t, c, "1.0", "one")
	s, err := c.Stage(t.Context(), c.File(&e))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pin(t.Context(), "statemachine", "ledger", "1.0"); !errors.Is(err, ErrInUse) {
		t.Errorf("beside another: %v", err)
	}
	s.Discard()
	if _, err := c.Pin(t.Context(), "statemachine", "ledger", "1.0"); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestOthersDoNotDecideWhatIsRun(t *testing.T) {
	c := newCatalog(t)
	mustAdd(t, c, "1.0", "one")
	for _, path := range []string{c.Dir(), c.lockPath()} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for mode, ok := range map[os.FileMode]bool{0o722: false, 0o720: false, 0o755: true} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Entries(); (err == nil) != ok {
				t.Errorf("%s with mode %o: %v", path, mode, err)
			}
		}
		if err := os.Chmod(path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedLockIsAnsweredWithItsLine(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	entry := "  - kind: storage\n    name: tape\n    version: \"1\"\n    sha256: " + sum + "\n    size: 3\n    path: storage/tape/1/" + sum[:16] + "/tape\n"
	head := "format: 1\nplugins:\n"
	if entries, err := decode([]byte(head + entry)); err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	for name, x := range map[string]struct{ text, says string }{
		"nothing":         {"", "line 1"},
		"no YAML":         {head + "  - [\n", "line 3"},
		"a newer format":  {"format: 2\nplugins: []\n", "line 1: its format is 2"},
		"an unknown key":  {head + entry + "    stable: true\n", "line 9"},
		"two documents":   {head + entry + "---\nformat: 1\n", "line 9"},
		"a kind":          {head + strings.Replace(entry, "storage\n", "tape\n", 1), "line 3: \"tape\" is not a kind"},
		"a sum":           {head + entry + strings.Replace(strings.Replace(entry, sum, sum[1:], 1), `"1"`, `"2"`, 1), "line 9: sha256"},
		"a way out":       {head + strings.Replace(entry, "path: storage", "path: ../storage", 1), "line 3: path"},
		"an empty file":   {head + strings.Replace(entry, "size: 3", "size: 0", 1), "line 3: its size"},
		"one twice":       {head + entry + entry, "line 9: storage tape 1 is there twice (line 3)"},
		"two pinned":      {head + entry + "    pinned: true\n" + strings.NewReplacer(`"1"`, `"2"`, "tape/1/", "tape/2/").Replace(entry) + "    pinned: true\n", "line 10: two versions"},
		"text for a size": {head + strings.Replace(entry, "size: 3", "size: big", 1), "line 7"},
	} {
		if _, err := decode([]byte(x.text)); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v, want %q", name, err, x.says)
		}
	}
	c := newCatalog(t)
	mustAdd(t, c, "1.0", "one")
	if err := os.WriteFile(c.lockPath(), []byte(head+"  - x: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pinned("statemachine", "ledger"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.lockPath()+": ") {
		t.Errorf("%v", err)
	}
}

// FuzzLock: what is read is written and read again as the same, and nothing leads out of
// the catalog.
func FuzzLock(f *testing.F) {
	sum := strings.Repeat("0", 64)
	f.Add([]byte("format: 1\nplugins:\n  - {kind: storage, name: a, version: v, sha256: \"" + sum + "\", size: 1, path: storage/a/v/" + sum[:16] + "/a}\n"))
	f.Add([]byte("format: 1\nplugins: [{}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := decode(text)
		if err != nil {
			return
		}
		for i := range entries {
			if !filepath.IsLocal(filepath.FromSlash(entries[i].Path)) {
				t.Errorf("%q leads out of the catalog", entries[i].Path)
			}
		}
		again, err := encode(entries)
		if errors.Is(err, ErrRefused) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if now, err := decode(again); err != nil || len(now) != len(entries) {
			t.Errorf("%v, %v of %q", now, err, again)
		}
	})
}
