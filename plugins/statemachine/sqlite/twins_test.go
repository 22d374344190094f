package sqlite

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// restored is another member, which has the state from a snapshot.
func restored(d *database) *database {
	d.t.Helper()
	other := openDatabase(d.t)
	if err := other.m.Restore(d.t.Context(), d.index, bytes.NewReader(d.snapshot())); err != nil {
		d.t.Fatal(err)
	}
	other.index = d.index
	return other
}

// sameOnAll applies commands to a member that replayed, to one that was restored, and to one whose
// process was started again: results, content and price are the same.
func sameOnAll(d *database, commands ...string) {
	d.t.Helper()
	others := map[string]*database{"restored": restored(d), "started again": openAt(d.t, copyOf(d.t, d))}
	for _, command := range commands {
		want := d.apply(command)[0]
		for which, other := range others {
			got := other.apply(command)[0]
			if string(got.Data) != string(want.Data) || got.Error != want.Error {
				d.t.Errorf("%.100s: %s %s, and on the member that was %s %s %s", command, want.Data, want.Error, which, got.Data, got.Error)
			}
			if got, want := other.m.run.steps, d.m.run.steps; got != want {
				d.t.Errorf("%.100s: %d instructions are left, and on the member that was %s %d", command, want, which, got)
			}
			if got, want := other.hash(), d.hash(); got != want {
				d.t.Errorf("%.100s: the content of the member that was %s differs", command, which)
			}
		}
	}
}

// The last rowids of tables with AUTOINCREMENT are the same on a member that was restored.
func TestARestoredMemberHasTheSameSequences(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		d := openDatabase(t)
		d.do("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT)", "DROP TABLE a", "CREATE TABLE t(a)")
		sameOnAll(d, "INSERT INTO t VALUES(1); DELETE FROM sqlite_sequence", "INSERT INTO t SELECT count(*) FROM sqlite_sequence")
	})
	t.Run("order", func(t *testing.T) {
		d := openDatabase(t)
		d.do("CREATE TABLE z(id INTEGER PRIMARY KEY AUTOINCREMENT)", "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT)",
			"CREATE TABLE gone(id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO gone VALUES(1)", "INSERT INTO z VALUES(1)", "INSERT INTO a VALUES(1)",
			"DROP TABLE gone", "CREATE TABLE t(a)")
		sameOnAll(d, "INSERT INTO t SELECT name FROM sqlite_sequence", "INSERT INTO t SELECT rowid FROM sqlite_sequence", "INSERT INTO z DEFAULT VALUES")
		if got, want := d.rows("SELECT a FROM t"), `[["z"],["a"],[2],[3]]`; got != want {
			t.Errorf("the rows are %s, want %s", got, want)
		}
	})
}

// The last rowid is refused with one sentence whatever comes of it: AUTOINCREMENT says that the disk is full, which would
// end the process of each member.
func TestTheLastRowidEndsNoProcess(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, v)", "INSERT INTO counted VALUES(1, 1)", "CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE)",
		"CREATE TRIGGER says BEFORE INSERT ON t WHEN new.v = 'drawn' BEGIN SELECT RAISE(ABORT, 'no'); END")
	before := d.hash()
	for _, command := range []string{
		"INSERT INTO counted(id) VALUES(9223372036854775807); INSERT INTO counted(v) VALUES(2)",
		"INSERT INTO counted(id) VALUES(9223372036854775807), (NULL)",
		"UPDATE counted SET id = 9223372036854775807",
		"INSERT INTO counted(id) VALUES(1) ON CONFLICT(id) DO UPDATE SET id = 9223372036854775807",
		"INSERT INTO t VALUES(9223372036854775807, 1); INSERT INTO t(v) VALUES('drawn')",
		"INSERT OR ROLLBACK INTO t VALUES(9223372036854775807, 1), (NULL, 1)",
	} {
		results := d.apply("INSERT INTO t VALUES(7, 7)", command, "DELETE FROM t WHERE id = 7")
		if results[0].Error+results[2].Error != "" || !strings.Contains(results[1].Error, "SQLite would draw the next one") {
			t.Errorf("%s: %+v", command, results)
		}
	}
	if d.hash() != before {
		t.Error("the refused commands have changed the state")
	}
}

// A command does not pay for reading the schema, which SQLite does after a refusal: another member has the two commands in
// two batches.
func TestTheSchemaIsReadAtNoCommandsPrice(t *testing.T) {
	d := openDatabase(t)
	for i := range 300 {
		d.do(fmt.Sprintf("CREATE TABLE t%d(a INTEGER PRIMARY KEY, b UNIQUE, c CHECK(c > 0))", i))
	}
	d.do("INSERT INTO t1 VALUES(1, 1, 1)")
	before := d.m.run.steps
	d.apply("CREATE TABLE x(a); SELECT absent", "INSERT INTO t1 VALUES(2, 2, 2)")
	if d.m.run.steps != before {
		t.Errorf("an insert has taken %d instructions, and %d after a refusal", maxSteps-before, maxSteps-d.m.run.steps)
	}
	sameOnAll(d, "DROP TABLE t2; SELECT absent", "INSERT INTO t1 VALUES(3, 3, 3)")
}

// EXPLAIN shows where tables are in the file, and that differs.
func TestExplainIsRefusedInACommand(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE x(a)", "CREATE TABLE y(a)", "DROP TABLE x", "CREATE TABLE t(a)")
	sameOnAll(d, "EXPLAIN INSERT INTO t VALUES(1)", "EXPLAIN QUERY PLAN SELECT * FROM t")
	if r := d.apply("EXPLAIN SELECT 1")[0]; !strings.Contains(r.Error, "ask it as a query") {
		t.Errorf("EXPLAIN gives %s %s", r.Data, r.Error)
	}
}

// The rowids of a table are in its snapshot, or it cannot be made: SQLite hands them on to a table that is filled from it.
func TestRowidsWithoutANameAreRefused(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE h(rowid, oid, b)", "CREATE INDEX by_oid ON h(oid)", "INSERT INTO h VALUES(1, 1, 1), (2, 2, 2), (3, 3, 3)", "DELETE FROM h WHERE oid = 2",
		"CREATE TABLE d(a, b, c)", "CREATE INDEX by_b ON d(b)")
	sameOnAll(d, "INSERT INTO d SELECT * FROM h", "SELECT rowid FROM d", "ALTER TABLE h RENAME COLUMN b TO _rowid_",
		"ALTER TABLE h ADD COLUMN _RowID_", "CREATE TABLE x(rowid, oid, _rowid_)")
	if got := d.rows("SELECT name FROM pragma_table_info('h')"); got != `[["rowid"],["oid"],["b"]]` {
		t.Errorf("the table has the columns %s", got)
	}
}

// A column with a constraint is added, or its rows speak against it.
func TestAColumnWithAConstraintIsAdded(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", "ALTER TABLE t ADD COLUMN b INT DEFAULT 5 CHECK(b > 0)", "ALTER TABLE t ADD COLUMN c AS (a + 1) NOT NULL")
	sameOnAll(d, "ALTER TABLE t ADD COLUMN d INT DEFAULT -5 CHECK(d > 0)", "ALTER TABLE t ADD COLUMN e CHECK(e > 0)", "PRAGMA quick_check", "SELECT * FROM pragma_quick_check")
	if got := d.rows("SELECT * FROM t"); got != "[[1,5,2,null]]" {
		t.Errorf("the rows are %s", got)
	}
}

// A refused command has the same sentence on all members, and what cannot be kept exactly is refused.
func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, x := range []struct{ data, says string }{
		{`{"sql": "SELECT 1", "args": {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}}}`, "argument a:"},
		{`{"sql": "SELECT ?", "args": [9223372036854775808]}`, "no place in 64 bits"},
		{`{"sql": "SELECT ?", "args": [1e999]}`, "no place in 64 bits"},
		{`{"sql": "SELECT 1"}}`, "more after its JSON"},
		{`{"sql": "SELECT 1"}{}`, "more after its JSON"},
	} {
		for range 20 {
			if _, err := parse([]byte(x.data)); err == nil || !strings.Contains(err.Error(), x.says) {
				t.Fatalf("%s: %v, want %q", x.data, err, x.says)
			}
		}
	}
}
