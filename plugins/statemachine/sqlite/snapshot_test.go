package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// content fills a database with all that a snapshot has to carry.
func content(d *database) {
	d.t.Helper()
	d.do("CREATE TABLE plain(a, b)", "INSERT INTO plain(rowid, a, b) VALUES(7, 1, 'x'), (3, 2.5, x'00ff'), (11, NULL, CAST(x'ff' AS TEXT))",
		"CREATE TABLE pair(a TEXT, b INTEGER, PRIMARY KEY(b, a)) WITHOUT ROWID", "INSERT INTO pair VALUES('z', 1), ('a', 2), ('b', 1)",
		"CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, v REAL)", "INSERT INTO counted(v) VALUES(1), (2)", "DELETE FROM counted WHERE id = 2",
		`CREATE TABLE "odd ""name"(rowid TEXT, "a b", c AS (rowid || 'x'))`, `INSERT INTO "odd ""name"(rowid, "a b") VALUES('r', 1)`,
		"CREATE TABLE hidden(rowid, oid, rest)", "INSERT INTO hidden VALUES(1, 2, 3)",
		"CREATE TABLE strict(a ANY, b INT) STRICT", "INSERT INTO strict VALUES('1', 2)",
		"CREATE TABLE child(p REFERENCES late(id), at DEFAULT CURRENT_TIMESTAMP)", "CREATE TABLE late(id INTEGER PRIMARY KEY, CHECK(id > 0))",
		"CREATE INDEX by_a ON plain(a) WHERE b IS NOT NULL", "CREATE UNIQUE INDEX by_v ON counted(v)",
		"CREATE VIEW seen AS SELECT a FROM plain", "CREATE TRIGGER one AFTER INSERT ON plain BEGIN INSERT INTO late(id) VALUES(new.rowid); END",
		"CREATE TRIGGER two AFTER INSERT ON plain BEGIN UPDATE late SET id = id * 10; END",
		"CREATE TABLE dropped(a)", "INSERT INTO dropped VALUES(1)", "DROP TABLE dropped", "ALTER TABLE plain ADD COLUMN c DEFAULT 5")
}

// A machine that is restored has the same content, and goes on the same way.
func TestARestoredStateGoesOnTheSame(t *testing.T) {
	d := openDatabase(t)
	content(d)
	other := openDatabase(t)
	other.do("CREATE TABLE old(a)", "INSERT INTO old VALUES(1)")
	snapshot := d.snapshot()
	if err := other.m.Restore(t.Context(), d.index, bytes.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	other.index = d.index
	for _, step := range []string{"", "INSERT INTO plain(a, b) VALUES(3, 4)", "INSERT INTO counted(v) VALUES(9)", "INSERT INTO counted(v) VALUES(9)", "INSERT INTO late VALUES(-1)", "INSERT INTO child(p) VALUES(12345)"} {
		if step != "" {
			a, b := d.apply(step)[0], other.apply(step)[0]
			if string(a.Data) != string(b.Data) || a.Error != b.Error {
				t.Errorf("%s gives %s %s, and after a restore %s %s", step, a.Data, a.Error, b.Data, b.Error)
			}
		}
		if a, b := d.snapshot(), other.snapshot(); !bytes.Equal(a, b) {
			at := 0
			for at < min(len(a), len(b)) && a[at] == b[at] {
				at++
			}
			t.Fatalf("after %q the snapshots differ at byte %d: %q and %q", step, at, a[max(0, at-60):min(len(a), at+60)], b[max(0, at-60):min(len(b), at+60)])
		}
	}
	if got, want := other.rows("SELECT name FROM sqlite_schema WHERE name = 'old'"), "[]"; got != want {
		t.Errorf("of the state before there is %s", got)
	}
	if err := other.m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := openAt(t, other.opts.DataDir); again.index != d.index || again.hash() != d.hash() {
		t.Errorf("the next process opens it at %d, want %d", again.index, d.index)
	}
}

// A snapshot with any changed byte, a cut one, and one of another index are refused, and the state
// from before is there for the next process.
func TestADamagedSnapshotIsRefused(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(a)", "INSERT INTO t VALUES('text')")
	snapshot := d.snapshot()
	other := openDatabase(t)
	other.do("CREATE TABLE before(a)")
	before := other.hash()
	for i := range snapshot {
		changed := bytes.Clone(snapshot)
		changed[i] ^= 0x10
		for what, raw := range map[string][]byte{"a changed byte": changed, "a cut": snapshot[:i]} {
			if err := other.m.Restore(t.Context(), d.index, bytes.NewReader(raw)); !errors.Is(err, statemachine.ErrBadSnapshot) {
				t.Fatalf("%s at %d: %v", what, i, err)
			}
		}
	}
	for what, restore := range map[string]func() error{
		"another index": func() error { return other.m.Restore(t.Context(), 7, bytes.NewReader(snapshot)) },
		"more":          func() error { return other.m.Restore(t.Context(), d.index, bytes.NewReader(append(snapshot, 0))) },
	} {
		if err := restore(); !errors.Is(err, statemachine.ErrBadSnapshot) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := openAt(t, copyOf(t, other)); after.hash() != before {
		t.Error("the state from before is gone")
	}
	if left, _ := filepath.Glob(filepath.Join(other.opts.DataDir, "state-2*")); len(left) > 0 {
		t.Errorf("left over: %s", left)
	}
}

// FuzzLoad: no bytes make a restore panic, or take what is not of a dump. The checksum is made right.
func FuzzLoad(f *testing.F) {
	d := openDatabase(f)
	d.do("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a)", "INSERT INTO t(a) VALUES('text'), (1.5), (x'00'), (NULL)", "CREATE INDEX i ON t(a)")
	snapshot := d.snapshot()
	body := snapshot[len(snapshotMagic)+8 : len(snapshot)-8-32]
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		other := openDatabase(t)
		raw := &summedBuffer{}
		raw.write([]byte(snapshotMagic), []byte{9, 0, 0, 0, 0, 0, 0, 0}, body)
		err := other.m.Restore(t.Context(), 9, bytes.NewReader(raw.whole()))
		if err != nil && !errors.Is(err, statemachine.ErrBadSnapshot) {
			t.Fatal(err)
		}
		if err == nil && !strings.HasPrefix(other.rows("PRAGMA quick_check"), `[["ok"]`) {
			t.Fatal("the file is damaged")
		}
		if left, _ := os.ReadDir(other.opts.DataDir); len(left) > 5 {
			t.Fatalf("%d files", len(left))
		}
	})
}
