package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// A statement is a query or a command by its first word, after comments.
func TestAStatementIsAQueryOrACommand(t *testing.T) {
	for statement, query := range map[string]bool{
		"SELECT 1": true, " with a as (select 1) select * from a": true, "-- note\n/* more */ values(1)": true, "PRAGMA table_info(t)": true, ".hash": true,
		"INSERT INTO t VALUES(1)": false, "selection": false, "-- SELECT": false, "": false, "/* SELECT": false,
		"WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a": false, "WITH a(x) AS (VALUES(1)), replace AS (SELECT 'DELETE') SELECT * FROM a": true,
		"WITH RECURSIVE a AS (SELECT ')')\nDELETE FROM t": false, "WITH a AS (SELECT replace(1, 2, 3)) SELECT (x) FROM a": true, "explain INSERT INTO t VALUES(1)": true,
	} {
		if got := isSQLQuery(statement); got != query {
			t.Errorf("%q is a query: %t", statement, got)
		}
	}
}

// A statement of an input ends at the end of a line, after a semicolon outside of texts, names, comments and
// triggers. A comment is not run.
func TestWhereAStatementEnds(t *testing.T) {
	trigger := "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN\n  DELETE FROM t;\n  SELECT CASE 1 WHEN 1 THEN 2 END;\nEND;\n"
	for input, want := range map[string][]string{
		"SELECT 1;\nSELECT\n2;\n":                            {"SELECT 1;\n", "SELECT\n2;\n"},
		"/* old;\nDELETE FROM t;\n*/\nSELECT 1; -- one;\n":   {"SELECT 1; -- one;\n"},
		"-- DELETE FROM t;\n;\n\nSELECT 1;":                  {"SELECT 1;\n"},
		"INSERT INTO t VALUES('a;\nDELETE FROM t;\nit''s');": {"INSERT INTO t VALUES('a;\nDELETE FROM t;\nit''s');\n"},
		"SELECT [;\n], `;\n`, \";\n\";\n":                    {"SELECT [;\n], `;\n`, \";\n\";\n"},
		trigger + "SELECT 1;\n":                              {trigger, "SELECT 1;\n"},
		"SELECT 1; SELECT 2\n;\n":                            {"SELECT 1; SELECT 2\n;\n"},
		"CREATE TABLE trigger(a);\nSELECT 1":                 {"CREATE TABLE trigger(a);\n", "|SELECT 1\n"},
	} {
		var got []string
		in := newSQLInput()
		for line := range strings.Lines(input) {
			if in.add(strings.TrimSuffix(line, "\n")) {
				if in.some {
					got = append(got, in.text.String())
				}
				in = newSQLInput()
			}
		}
		if in.some {
			got = append(got, "|"+in.text.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q gives %q, want %q", input, got, want)
		}
	}
}

// An input that ends within a comment runs nothing of its last statement.
func TestAnInputThatIsCutRunsNothing(t *testing.T) {
	h := startFake(t)
	r := hostWith(t, "DELETE FROM t /* WHERE\n", "sql", "--endpoints", h.address)
	if r.code == 0 || !strings.Contains(r.stderr, "is not run") {
		t.Errorf("code %d, %s", r.code, r.stderr)
	}
}

// Rows are shown in each format, also values that no text has.
func TestRowsOfSQL(t *testing.T) {
	rows := [][]json.RawMessage{
		{json.RawMessage(`9007199254740993`), json.RawMessage(`"a,b"`)},
		{json.RawMessage(`1.0`), json.RawMessage(`null`)},
		{json.RawMessage(`{"base64":"AP8="}`), json.RawMessage(`"x\u001b[0m"`)},
	}
	for format, want := range map[string]string{
		formatTable: "n                 text\n9007199254740993  a,b\n1.0               \nAP8=              x\\x1b[0m\n",
		formatCSV:   "n,text\n9007199254740993,\"a,b\"\n1.0,\nAP8=,x\x1b[0m\n",
		formatJSON:  "{\"n\":9007199254740993,\"text\":\"a,b\"}\n{\"n\":1.0,\"text\":null}\n{\"n\":{\"base64\":\"AP8=\"},\"text\":\"x\\u001b[0m\"}\n",
	} {
		var out strings.Builder
		show := newSQLRows(&out, format, []string{"n", "text"})
		for _, row := range rows {
			if err := show.row(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := show.end(); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%q\nwant\n%q", format, err, out.String(), want)
		}
	}
}

// A long table has the names of its columns once, also if its pieces fill its length.
func TestALongTableOfSQLHasOneHead(t *testing.T) {
	for _, n := range []int{0, 1, sqlTableRows, 2*sqlTableRows + 1} {
		var out strings.Builder
		show := newSQLRows(&out, formatTable, []string{"n"})
		for range n {
			if err := show.row([]json.RawMessage{json.RawMessage("7")}); err != nil {
				t.Fatal(err)
			}
		}
		if err := show.end(); err != nil || out.String() != "n\n"+strings.Repeat("7\n", n) {
			t.Errorf("%d rows: %v, %d lines, %d heads", n, err, strings.Count(out.String(), "\n"), strings.Count(out.String(), "n\n"))
		}
	}
}

// A state machine that is not sqlite is not taken for it.
func TestSQLWithAnotherStateMachine(t *testing.T) {
	h := startFake(t)
	if r := host(t, "sql", "SELECT 1", "--endpoints", h.address); r.code == 0 {
		t.Errorf("code %d, %s", r.code, r.stdout)
	}
	if r := host(t, "sql", "SELECT 1", "-o", "xml", "--endpoints", h.address); r.code != 2 {
		t.Errorf("another format: code %d, %s", r.code, r.stderr)
	}
}
