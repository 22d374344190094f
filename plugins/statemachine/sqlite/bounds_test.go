package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// nested makes views, each of which is made of the one before twice, as shape says, until one is refused. It returns the
// reason.
func nested(d *database, shape string) string {
	d.do("CREATE TABLE base(x)", "CREATE VIEW v0 AS SELECT x FROM base")
	for i := range 20 {
		r := d.apply(fmt.Sprintf("CREATE VIEW v%d AS "+strings.ReplaceAll(shape, "$", fmt.Sprintf("v%d", i)), i+1))[0]
		if r.Error != "" {
			return r.Error
		}
	}
	return ""
}

var doubling = map[string]string{
	"a join":        "SELECT a.x FROM $ a, $ b",
	"no columns":    "SELECT 1 AS x FROM $ a, $ b",
	"an outer join": "SELECT a.x FROM $ a LEFT JOIN $ b ON a.x = b.x",
	"a union":       "SELECT x FROM $ UNION ALL SELECT x FROM $",
	"two queries":   "SELECT (SELECT x FROM $) + (SELECT x FROM $) AS x",
	"conditions":    "SELECT 1 AS x FROM $ a, $ b WHERE EXISTS (SELECT 1 FROM $, $)",
}

// Views that double the one before cannot be made until a statement takes minutes to prepare: ALTER TABLE expands all of them.
func TestViewsAreRefusedThatExpandTooFar(t *testing.T) {
	for name, shape := range doubling {
		t.Run(name, func(t *testing.T) {
			d := openDatabase(t)
			if got := nested(d, shape); !strings.Contains(got, "too many tables and columns") {
				t.Fatalf("the last view gave %q", got)
			}
			sameOnAll(d, "ALTER TABLE base RENAME COLUMN x TO y", "ALTER TABLE base RENAME TO other", "CREATE TABLE more(a)")
			views := strings.Repeat("CREATE VIEW w AS SELECT 1; DROP VIEW w;", 3)
			d.do(views, "DROP VIEW v1")
		})
	}
}

// A command pays for each table and column that SQLite looks at.
func TestPreparingHasAPrice(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE base(a, b, c, d, e, f, g, h)", "INSERT INTO base(a) VALUES(1)")
	names := []string{"v0 AS (SELECT * FROM base)"}
	for i := range 3 {
		names = append(names, fmt.Sprintf("v%d AS (%s)", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("SELECT * FROM v%d UNION ALL ", i), 4), "UNION ALL ")))
	}
	query := "WITH " + strings.Join(names, ", ") + " SELECT count(*) FROM v3"
	results := d.apply("INSERT INTO base(a) VALUES(2)", strings.Repeat(query+";", 400), "INSERT INTO base(a) VALUES(3)")
	if results[0].Error+results[2].Error != "" || !strings.Contains(results[1].Error, "instructions of SQLite's virtual machine") {
		t.Errorf("the command gave %+v", results)
	}
	sameOnAll(d, "INSERT INTO base SELECT x.* FROM base x JOIN base y ON x.a = y.a", query)
}

// A statement with very many instructions is a refusal at most: SQLite says that the memory is full if its own limit is too low,
// and that would end the process of each member.
func TestALongStatementEndsNoProcess(t *testing.T) {
	d := openDatabase(t)
	d.do("CREATE TABLE t(v)")
	d.do("INSERT INTO t VALUES(1)" + strings.Repeat(",(1)", 300_000))
	if got := d.rows("SELECT count(*) FROM t"); got != "[[300001]]" {
		t.Errorf("there are %s rows", got)
	}
}

// A row is held as a whole, so it is bounded.
func TestARowOfAnAnswerIsBounded(t *testing.T) {
	d := openDatabase(t)
	query := "SELECT " + strings.Repeat("zeroblob(2000000), ", 50) + "1"
	err := d.m.QueryStream(t.Context(), []byte(query), func([]byte) error { return nil })
	if !errors.Is(err, statemachine.ErrInvalidQuery) {
		t.Errorf("%v", err)
	}
}
