package sqlite

import (
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
)

func (l *loader) record(kind byte, body []byte) error {
	switch kind {
	case recordSchema:
		return l.schema(string(body))
	case recordTable:
		return l.table(string(body))
	case recordRow:
		return l.row(body)
	case recordSequence:
		if err := l.clearSequences(); err != nil {
			return err
		}
		var values [3]any
		for i := range values {
			var err error
			if values[i], body, err = takeValue(body); err != nil {
				return err
			}
		}
		return l.once("INSERT INTO sqlite_sequence(rowid, name, seq) VALUES(?, ?, ?)", values[:]...)
	}
	return bad("record %d is of the unknown kind %q", l.count, kind)
}

// clearSequences removes the last rowids that SQLite has kept of the inserted rows: those of
// the snapshot count, which may be greater, or none.
func (l *loader) clearSequences() error {
	if l.sequenced {
		return nil
	}
	l.sequenced = true
	return l.s.writer.Exec("DELETE FROM sqlite_sequence")
}

// schema runs a statement that a command could have.
func (l *loader) schema(sql string) error {
	p := &l.s.rules
	p.begin()
	p.own = false
	err := l.s.writer.Exec(sql)
	p.own = true
	switch {
	case p.reason != "":
		return bad("record %d: %s", l.count, p.reason)
	case err != nil && isRefusal(err):
		return bad("record %d: %v", l.count, err)
	}
	return err
}

func (l *loader) table(insert string) error {
	if l.insert != nil {
		l.insert.Close()
		l.insert = nil
	}
	if !strings.HasPrefix(insert, "INSERT INTO ") {
		return bad("record %d inserts nothing", l.count)
	}
	p := &l.s.rules
	p.begin()
	p.own = false
	stmt, rest, err := l.s.writer.Prepare(insert)
	p.own = true
	if err != nil && !isRefusal(err) {
		return err
	}
	if err != nil || stmt == nil || !blank(rest) {
		if stmt != nil {
			stmt.Close()
		}
		return bad("record %d inserts nothing: %v %s", l.count, err, p.reason)
	}
	l.insert, l.values = stmt, len(stmt.Params())
	return nil
}

func (l *loader) row(body []byte) error {
	if l.insert == nil {
		return bad("record %d is a row before a table", l.count)
	}
	l.insert.Reset()
	for i := range l.values {
		value, rest, err := takeValue(body)
		if err != nil {
			return err
		}
		if err := l.insert.Bind(i+1, value); err != nil {
			return err
		}
		body = rest
	}
	if len(body) > 0 {
		return bad("row %d has too many values", l.count)
	}
	return l.step(l.insert)
}

func (l *loader) step(stmt *engine.Stmt) error {
	_, err := stmt.Step()
	return l.wrap(err)
}

func (l *loader) once(sql string, values ...any) error {
	stmt, _, err := l.s.writer.Prepare(sql)
	if err != nil {
		return l.wrap(err)
	}
	defer stmt.Close()
	for i, value := range values {
		if err := stmt.Bind(i+1, value); err != nil {
			return err
		}
	}
	return l.step(stmt)
}
