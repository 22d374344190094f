package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// A statement is a query or a command by its first word, after comments.
func TestAStatementIsAQueryOrACommand(t *testing.T) {
	for statement, query := range map[string]bool{
		"SELECT 1": true, " with a as (select 1) select * from a": true, "-- note\n/* more */ values(1)": true, "PRAGMA table_info(t)": true, ".hash": true,
		"INSERT INTO t VALUES(1)": false, "selection": false, "-- SELECT": false, "": false, "/* SELECT": false,
	} {
		if got := isSQLQuery(statement); got != query {
			t.Errorf("%q is a query: %t", statement, got)
		}
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
