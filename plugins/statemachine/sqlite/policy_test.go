package sqlite

import (
	"strings"
	"testing"
)

// A command is refused, with a sentence, if its effect could differ between members, and leaves nothing.
func TestWhatIsNotOfTheEntryIsRefused(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, v)", "INSERT INTO counted(v) VALUES(1)",
		"CREATE VIEW drawing AS SELECT random() AS v", "CREATE TRIGGER draws AFTER UPDATE ON t BEGIN INSERT INTO t(v) VALUES(random()); END")
	before := d.hash()
	for _, x := range []struct{ command, says string }{
		{"INSERT INTO t(v) VALUES(random())", "random() is refused"},
		{"INSERT INTO t(v) VALUES(randomblob(8))", "draw the value before"},
		{"CREATE TABLE drawn(id INTEGER PRIMARY KEY, v DEFAULT (random()))", "random() is refused"},
		{"CREATE TABLE dated(id INTEGER PRIMARY KEY, v DEFAULT (datetime('now')))", "entry_time()"},
		{"INSERT INTO t(v) SELECT v FROM drawing", "random() is refused"},
		{"INSERT INTO t(v) VALUES(1); UPDATE t SET v = 2", "random() is refused"},
		{"INSERT INTO t(v) VALUES(datetime('now'))", "entry_time()"},
		{"INSERT INTO t(v) VALUES(strftime('%s'))", "entry_time()"},
		{"INSERT INTO t(v) VALUES(last_insert_rowid())", "RETURNING"},
		{"INSERT INTO t(v) VALUES(changes())", "changes() is refused"},
		{"INSERT INTO t(v) VALUES(sqlite_version())", "sqlite_version() is refused"},
		{"INSERT INTO t(v) VALUES(sin(1))", "not on the list"},
		{"INSERT INTO t(v) SELECT json_group_array(v) FROM t", "until the memory is full"},
		{"INSERT INTO t(v) SELECT jsonb_group_object(id, v) FROM t", "until the memory is full"},
		{"SELECT load_extension('x')", "load_extension() is refused"},
		{"PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys is refused"},
		{"PRAGMA user_version=7", "PRAGMA user_version is refused"},
		{"PRAGMA writable_schema=ON", "PRAGMA writable_schema is refused"},
		{"ATTACH 'other.db' AS other", "ATTACH is refused"},
		{"VACUUM", ""},
		{"VACUUM INTO 'copy.db'", ""},
		{"ANALYZE", "ANALYZE is refused"},
		{"BEGIN", "BEGIN, COMMIT and ROLLBACK are refused"},
		{"COMMIT", "BEGIN, COMMIT and ROLLBACK are refused"},
		{"ROLLBACK", "BEGIN, COMMIT and ROLLBACK are refused"},
		{"SAVEPOINT command", "SAVEPOINT and RELEASE are refused"},
		{"RELEASE command", "SAVEPOINT and RELEASE are refused"},
		{"CREATE TEMP TABLE x(a)", "temporary tables"},
		{"CREATE TEMP VIEW x AS SELECT 1", "temporary tables"},
		{"CREATE TABLE temp.x(a)", "temporary tables"},
		{"CREATE VIRTUAL TABLE x USING fts5(a)", "virtual tables are refused"},
		{"CREATE TABLE x AS SELECT * FROM t", "create the table, and then insert"},
		{"INSERT INTO t(v) SELECT name FROM sqlite_schema", "the order of its rows"},
		{"INSERT INTO t(v) SELECT rootpage FROM sqlite_master", "the order of its rows"},
		{"INSERT INTO t(v) SELECT pageno FROM dbstat", "dbstat is refused"},
		{"INSERT INTO t(v) SELECT name FROM pragma_table_info('t')", "refused"},
		{"UPDATE sqlite_sequence SET seq = 9223372036854775807", "sqlite_sequence is refused"},
		{"INSERT INTO sqlite_sequence VALUES('t', 1)", "sqlite_sequence is refused"},
		{"DELETE FROM sqlite_schema", "may not be modified"},
		{"WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n", "it may have no end"},
		{"INSERT INTO t(id, v) VALUES(9223372036854775807, 1)", "SQLite would draw the next one at random"},
		{"INSERT INTO t(id, v) VALUES(1, 1); DELETE FROM t; INSERT INTO t(id, v) VALUES(9223372036854775807, 1), (1, 1)", "draw the next one"},
		{"SELECT * FROM pontoon_meta", "the state machine's own"},
		{"UPDATE pontoon_meta SET applied = 1", "the state machine's own"},
		{"DROP TABLE pontoon_meta", "the state machine's own"},
		{"ALTER TABLE pontoon_meta RENAME TO x", "the state machine's own"},
		{"CREATE TABLE x(a REFERENCES pontoon_meta(applied))", "the state machine's own"},
		{"CREATE TRIGGER x AFTER UPDATE ON pontoon_meta BEGIN SELECT 1; END", "the state machine's own"},
		{"SELECT a FROM (SELECT 1 AS b)", "no such column"},
		{`INSERT INTO t(v) VALUES("text")`, "no such column"},
		{"INSERT INTO t(v) VALUES('half'); INSERT INTO absent VALUES(1)", "no such table"},
		{`{"sql": "INSERT INTO t(v) VALUES(?)"}`, "1 parameters, and 0 arguments"},
		{`{"sql": "INSERT INTO t(v) VALUES(:a)", "args": {"b": 1}}`, "no argument for parameter 1"},
		{`{"sql": "INSERT INTO t(v) VALUES(?)", "args": [{"x": 1}]}`, "a value is null"},
		{`{"sql": "SELECT 1", "more": 1}`, "sql and args"},
		{"", "there is no statement"},
		{"\xff", "not UTF-8"},
	} {
		t.Run(x.command, func(t *testing.T) {
			r := d.apply(x.command)[0]
			if r.Error == "" || !strings.Contains(r.Error, x.says) {
				t.Errorf("refused with %q, data %q; want %q in it", r.Error, r.Data, x.says)
			}
			if after := d.hash(); after != before {
				t.Errorf("the refused command has changed the state to %s", d.rows("SELECT * FROM t"))
			}
		})
	}
}

// All that a schema needs is there, and the clock is that of the entry.
func TestWhatIsAllowed(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE, at DEFAULT CURRENT_TIMESTAMP)",
		"CREATE TABLE child(id INTEGER PRIMARY KEY AUTOINCREMENT, parent REFERENCES parent(id) ON DELETE CASCADE, v, twice AS (v * 2) STORED)",
		"CREATE INDEX by_v ON child(v) WHERE v > 0", "CREATE INDEX by_length ON parent(length(name))",
		"CREATE VIEW both AS SELECT p.name, c.v, row_number() OVER (ORDER BY c.id) AS n FROM parent p JOIN child c ON c.parent = p.id",
		"CREATE TRIGGER logs AFTER INSERT ON parent BEGIN INSERT INTO child(parent, v) VALUES(new.id, length(new.name)); END",
		`{"sql": "INSERT INTO parent(id, name) VALUES(?, ?)", "args": [1, "ada"]}`,
		`{"sql": "INSERT INTO parent(id, name) VALUES(:id, :name)", "args": {"id": 2, "name": "grace"}}`,
		"INSERT INTO parent(id, name) VALUES(3, 'Ada2') ON CONFLICT(name) DO UPDATE SET name = 'x'",
		"ALTER TABLE child RENAME COLUMN v TO value", "ALTER TABLE parent ADD COLUMN note TEXT DEFAULT 'none'",
		"ALTER TABLE parent RENAME TO people", "ALTER TABLE people DROP COLUMN note", "DELETE FROM people WHERE id = 3",
		"CREATE TABLE gone(id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO gone DEFAULT VALUES", "DROP TABLE gone", "REINDEX",
		"INSERT INTO child(parent, value) VALUES(1, json_extract('{\"a\": [1, 2.5]}', '$.a[1]'))")
	if got, want := d.rows("SELECT id, name, at FROM people"), `[[1,"ada","2023-11-14 22:13:20"],[2,"grace","2023-11-14 22:13:20"]]`; got != want {
		t.Errorf("people are %s, want %s", got, want)
	}
	if got, want := d.rows("SELECT parent, value, twice FROM child"), `[[1,3,6],[2,5,10],[1,2.5,5.0]]`; got != want {
		t.Errorf("children are %s, want %s", got, want)
	}
	r := d.apply("INSERT INTO people(name) VALUES('new') RETURNING id, entry_time(), entry_index(), entry_term(), x'00ff', 1.0, NULL")[0]
	if want := `{"changes":2,"columns":["id","entry_time()","entry_index()","entry_term()","x'00ff'","1.0","NULL"],"rows":[[3,1700000000020,20,3,{"base64":"AP8="},1.0,null]]}`; string(r.Data) != want || r.Error != "" {
		t.Errorf("RETURNING gives %s %s, want %s", r.Data, r.Error, want)
	}
}

// A query changes nothing, and may use what only this member would see.
func TestQueriesReadAlone(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)", "INSERT INTO t VALUES(1)")
	for _, query := range []string{
		"INSERT INTO t VALUES(2)", "DELETE FROM t", "CREATE TABLE x(a)", "CREATE TEMP TABLE x(a)", "PRAGMA user_version=3", "PRAGMA journal_mode=DELETE",
		"ATTACH 'x.db' AS x", "VACUUM", "VACUUM INTO 'x.db'", "BEGIN", "COMMIT", "SELECT 1; SELECT 2", "SELECT * FROM pontoon_meta", "SELECT load_extension('x')", "", "-- nothing",
	} {
		if raw, err := d.m.Query(t.Context(), []byte(query)); err == nil {
			t.Errorf("%s is answered with %s", query, raw)
		}
	}
	for _, query := range []string{"SELECT random()", "SELECT datetime('now')", "SELECT name FROM sqlite_schema", "PRAGMA table_info(t)", "EXPLAIN SELECT * FROM t", "PRAGMA quick_check"} {
		if _, err := d.m.Query(t.Context(), []byte(query)); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	if got := d.rows("SELECT * FROM t"); got != "[[1]]" {
		t.Errorf("the rows are %s", got)
	}
}
