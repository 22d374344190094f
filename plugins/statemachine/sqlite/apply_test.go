package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A command that ends the transaction of its batch takes no other command along.
func TestARollbackTakesNoOtherCommandAlong(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES(1)",
		"CREATE TRIGGER no BEFORE INSERT ON t WHEN new.id = 99 BEGIN SELECT RAISE(ROLLBACK, 'not 99'); END")
	results := d.apply("INSERT INTO t VALUES(2)", "INSERT OR ROLLBACK INTO t VALUES(1)", "INSERT INTO t VALUES(3)", "INSERT INTO t VALUES(99)", "INSERT INTO t VALUES(4)")
	for i, want := range []string{"", "UNIQUE constraint failed: t.id", "", "not 99", ""} {
		if results[i].Error != want {
			t.Errorf("command %d: %q, want %q", i, results[i].Error, want)
		}
	}
	if got := d.rows("SELECT id FROM t"); got != "[[1],[2],[3],[4]]" {
		t.Errorf("the rows are %s", got)
	}
	if again := openAt(t, copyOf(t, d)); again.index != d.index || again.hash() != d.hash() {
		t.Errorf("another process opens it at %d, want %d", again.index, d.index)
	}
}

// A violated foreign key, deferred or not, is of the command and not of the batch.
func TestAForeignKeyIsCheckedByCommand(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)")
	results := d.apply("INSERT INTO c VALUES(1); INSERT INTO p VALUES(1)", "INSERT INTO c VALUES(2)", "INSERT INTO p VALUES(2)")
	if results[0].Error != "" || results[1].Error != "FOREIGN KEY constraint failed" || results[2].Error != "" {
		t.Errorf("results %+v", results)
	}
	if got := d.rows("SELECT p FROM c"); got != "[[1]]" {
		t.Errorf("the rows are %s", got)
	}
}

// A command that would take for ever is refused after so many steps, and the next one is applied.
func TestACommandHasAPrice(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)", "INSERT INTO t SELECT value FROM json_each('["+strings.Repeat("1,", 999)+"1]')")
	results := d.apply("INSERT INTO t VALUES(7)", "SELECT count(*) FROM t a, t b, t c, t d WHERE a.v + b.v + c.v + d.v = 5", "INSERT INTO t VALUES(8)")
	if !strings.Contains(results[1].Error, "instructions of SQLite's virtual machine") {
		t.Errorf("the command gave %q, %q", results[1].Data, results[1].Error)
	}
	if got := d.rows("SELECT count(*) FROM t WHERE v > 6"); got != "[[2]]" {
		t.Errorf("of the other commands there are %s", got)
	}
}

// A command of a few bytes does not fill the disk of each member, and the commands beside it are applied.
func TestACommandWritesSoMuchAtMost(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)", "CREATE TABLE pairs(k, v, PRIMARY KEY(k)) WITHOUT ROWID", "INSERT INTO t VALUES(zeroblob(1500000))")
	many := "json_each('[" + strings.Repeat("1,", 199) + "1]')"
	before := d.hash()
	for _, command := range []string{
		"INSERT INTO t SELECT zeroblob(1500000) FROM " + many,
		"INSERT INTO t SELECT t.v FROM t, " + many,
		"INSERT INTO pairs SELECT key, zeroblob(1500000) FROM " + many,
		strings.Repeat("UPDATE t SET v = zeroblob(1400000);", 200),
	} {
		results := d.apply("INSERT INTO t VALUES(1)", command, "DELETE FROM t WHERE v = 1")
		if results[0].Error+results[2].Error != "" || !strings.Contains(results[1].Error, "writes more than") {
			t.Errorf("%.60s: %+v", command, results)
		}
		if info, err := os.Stat(d.m.store.path + "-wal"); err != nil || info.Size() > 3*maxWritten {
			t.Errorf("%.60s: the log of the file has %d bytes, %v", command, info.Size(), err)
		}
	}
	if d.hash() != before {
		t.Error("the refused commands have changed the state")
	}
	sameOnAll(d, "INSERT INTO pairs VALUES(1, 'text')", "UPDATE pairs SET v = zeroblob(1000000)")
	if got := d.m.run.written; got != 1000000 {
		t.Errorf("%d bytes are counted for a row of a million", got)
	}
}

// A command of very many statements is run as a whole.
func TestACommandOfManyStatements(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)", strings.Repeat("INSERT INTO t VALUES('a;b'); /* c; */ ", 50_000))
	if got := d.rows("SELECT count(*) FROM t"); got != "[[50000]]" {
		t.Errorf("there are %s rows", got)
	}
	if r := d.apply("INSERT INTO t VALUES(1);\x00INSERT INTO t VALUES(2)")[0]; !strings.Contains(r.Error, "zero byte") {
		t.Errorf("a zero byte: %+v", r)
	}
}

// A result has bounds, and a command whose result is beyond them leaves nothing.
func TestAResultHasBounds(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)")
	for command, says := range map[string]string{
		"INSERT INTO t VALUES(1); SELECT printf('%.*c', 2000000, 'x')":                                     "longer than",
		"INSERT INTO t SELECT value FROM json_each('[" + strings.Repeat("1,", 10_000) + "1]') RETURNING v": "more than 10000 rows",
		"INSERT INTO t VALUES(zeroblob(20000000))":                                                         "too big",
	} {
		if r := d.apply(command)[0]; !strings.Contains(r.Error, says) {
			t.Errorf("%.40s: %q, want %q", command, r.Error, says)
		}
	}
	if got := d.rows("SELECT count(*) FROM t"); got != "[[0]]" {
		t.Errorf("there are %s rows", got)
	}
}

// A loss of power may leave any part of the log of the file: the state is that of one index.
func TestALossOfPowerLeavesTheStateOfOneIndex(t *testing.T) {
	d := openDatabase(t)
	hashes := map[uint64]string{}
	d.do("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
	for range 30 {
		d.do("INSERT INTO t(v) VALUES('"+strings.Repeat("x", 500)+"')", "UPDATE t SET v = v || 'y' WHERE id % 2 = 0")
		hashes[d.index] = d.hash()
		if d.index == 21 {
			if durable, err := d.m.Sync(t.Context()); durable != 21 || err != nil {
				t.Fatal(durable, err)
			}
		}
	}
	wal, err := os.ReadFile(d.m.store.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	synced := len(wal)
	last, indexes := uint64(0), 0
	for cut := len(wal); cut >= 0; cut -= 1500 {
		dir := copyOf(t, d)
		if err := os.Truncate(filepath.Join(dir, "state-1.db-wal"), int64(cut)); err != nil {
			t.Fatal(err)
		}
		again := openAt(t, dir)
		if want, found := hashes[again.index]; found && again.hash() != want {
			t.Errorf("a log of %d bytes of %d gives index %d with another state", cut, synced, again.index)
		}
		if again.index != last {
			last, indexes = again.index, indexes+1
		}
	}
	if indexes < 20 {
		t.Errorf("the cuts have shown %d indexes: the test sees nothing", indexes)
	}
}

// copyOf is the directory as a process that was killed leaves it.
func copyOf(t testing.TB, d *database) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"current", "state-1.db", "state-1.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(d.opts.DataDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A client that does not read holds up no command, and cannot keep the log of the file for ever.
func TestAQueryIsGivenUpBeforeTheDiskIsFull(t *testing.T) {
	before := maxWALBytes
	maxWALBytes = 1 << 20
	t.Cleanup(func() { maxWALBytes = before })
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)", "INSERT INTO t VALUES(zeroblob(1000000))")
	begun, read, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		ended <- d.m.QueryStream(context.Background(), []byte("SELECT hex(v) FROM t"), func([]byte) error {
			if first {
				first = false
				close(begun)
				<-read
			}
			return nil
		})
	}()
	<-begun
	for range 10 {
		d.do("INSERT INTO t VALUES(zeroblob(300000))")
	}
	close(read)
	if err := <-ended; !errors.Is(err, errOvertaken) {
		t.Errorf("the query ended with %v", err)
	}
	for range 20 {
		d.do("INSERT INTO t VALUES(zeroblob(100000))")
	}
	if info, err := os.Stat(d.m.store.path + "-wal"); err != nil || info.Size() > 8<<20 {
		t.Errorf("the log of the file has %d bytes, %v", info.Size(), err)
	}
}

// A query without an end ends with its client, in the midst of a step too.
func TestAQueryEndsWithItsContext(t *testing.T) {
	d := openDatabase(t)
	for _, query := range []string{
		"WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n",
		"SELECT 1 UNION ALL SELECT * FROM (WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n)",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := d.m.QueryStream(ctx, []byte(query), func([]byte) error { return nil })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", query, err)
		}
	}
	d.do("CREATE TABLE t(v)")
}

// A row that is longer than a chunk arrives in several.
func TestAnAnswerIsCutIntoChunks(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)", "INSERT INTO t VALUES(zeroblob(1000000))", "INSERT INTO t VALUES(2)")
	var all bytes.Buffer
	err := d.m.QueryStream(t.Context(), []byte("SELECT hex(v) FROM t"), func(chunk []byte) error {
		if len(chunk) > int(d.opts.Limits.ChunkBytes()) {
			return fmt.Errorf("a chunk of %d bytes", len(chunk))
		}
		all.Write(chunk)
		return nil
	})
	lines := strings.Split(all.String(), "\n")
	if err != nil || len(lines) != 5 || lines[0] != `{"applied":3,"columns":["hex(v)"]}` || len(lines[1]) != 2_000_004 || lines[2] != `["32"]` || lines[3] != `{"rows":2}` {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

var _ statemachine.QueryStreamer = (*machine)(nil)
