package sqlite

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
)

// The kinds of records of a dump. Each record is its kind, its length as uvarint, and so many bytes.
const (
	recordSchema   = 'S' // a statement that makes a table, an index, a view or a trigger
	recordTable    = 'T' // an INSERT for the rows that follow
	recordRow      = 'R' // the values of a row
	recordSequence = 'Q' // the last rowid of a table with AUTOINCREMENT: rowid, name and number
	recordEnd      = 'E' // the number of records before it
)

// A dumper writes the content of a view in a defined order: each table with its rows, in the
// order in which the tables were made, the rows by rowid or primary key, and then indexes, views and
// triggers. Where rows are in the file does not show.
type dumper struct {
	v     *view
	out   *bufio.Writer
	count uint64
	buf   []byte
}

// dump writes all records.
func (v *view) dump(w io.Writer) error {
	v.rules.own = true
	d := &dumper{v: v, out: bufio.NewWriterSize(w, 256<<10)}
	if err := d.all(); err != nil {
		return err
	}
	return d.out.Flush()
}

// hash is the SHA-256 of the dump.
func (v *view) hash() ([]byte, error) {
	h := sha256.New()
	if err := v.dump(h); err != nil {
		return nil, v.wrap(err)
	}
	return h.Sum(nil), nil
}

func (d *dumper) all() error {
	const schema = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '" + metaTable + "' AND "
	tables, err := d.pairs(schema + "type = 'table' ORDER BY rowid")
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := d.record(recordSchema, []byte(table[1])); err != nil {
			return err
		}
		if err := d.rows(table[0]); err != nil {
			return err
		}
	}
	rest, err := d.pairs(schema + "type <> 'table' ORDER BY rowid")
	if err != nil {
		return err
	}
	if err := d.sequences(); err != nil {
		return err
	}
	for _, item := range rest {
		if err := d.record(recordSchema, []byte(item[1])); err != nil {
			return err
		}
	}
	return d.record(recordEnd, binary.AppendUvarint(nil, d.count))
}

// each calls f for each row of a statement of the state machine's own.
func (d *dumper) each(sql string, f func(*engine.Stmt) error) error {
	stmt, _, err := d.v.c.Prepare(sql)
	if err != nil {
		return fmt.Errorf("%.200s: %w", sql, err)
	}
	defer stmt.Close()
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		if err := f(stmt); err != nil {
			return err
		}
	}
}

func (d *dumper) pairs(sql string) (list [][2]string, err error) {
	err = d.each(sql, func(row *engine.Stmt) error {
		first, _ := row.Value(0).(string)
		second, _ := row.Value(1).(string)
		list = append(list, [2]string{first, second})
		return nil
	})
	return list, err
}

// rows writes the rows of a table, with the statement that inserts them.
func (d *dumper) rows(table string) error {
	columns, order, err := d.columns(table)
	if err != nil {
		return err
	}
	list := strings.Join(columns, ", ")
	insert := fmt.Sprintf("INSERT INTO %s(%s) VALUES(?%s)", quote(table), list, strings.Repeat(", ?", len(columns)-1))
	if err := d.record(recordTable, []byte(insert)); err != nil {
		return err
	}
	return d.each("SELECT "+list+" FROM "+quote(table)+" NOT INDEXED"+order, func(row *engine.Stmt) error {
		d.buf = d.buf[:0]
		for i := range columns {
			d.buf = appendBinary(d.buf, row.Value(i))
		}
		return d.record(recordRow, d.buf)
	})
}

// columns are those of a table that can be inserted, quoted, with the rowid if it has one that can be named.
func (d *dumper) columns(table string) (columns []string, order string, err error) {
	names := map[string]bool{}
	without := false
	err = d.each("SELECT wr FROM pragma_table_list("+literal(table)+") WHERE schema = 'main'", func(row *engine.Stmt) error {
		without = row.Value(0) == int64(1)
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	err = d.each("SELECT name, hidden FROM pragma_table_xinfo("+literal(table)+") ORDER BY cid", func(row *engine.Stmt) error {
		name, _ := row.Value(0).(string)
		names[strings.ToLower(name)] = true
		if row.Value(1) == int64(0) { // not one that is computed
			columns = append(columns, quote(name))
		}
		return nil
	})
	if without {
		return columns, "", err
	}
	for _, alias := range []string{"rowid", "_rowid_", "oid"} {
		if !names[alias] {
			return append([]string{alias}, columns...), " ORDER BY " + alias, err
		}
	}
	return nil, "", errors.Join(err, fmt.Errorf("the rowids of %s cannot be named", table))
}

// sequences has the rowids too: a command may read the rows in their order.
func (d *dumper) sequences() error {
	return d.each("SELECT rowid, name, seq FROM sqlite_sequence ORDER BY rowid", func(row *engine.Stmt) error {
		d.buf = d.buf[:0]
		for i := range 3 {
			d.buf = appendBinary(d.buf, row.Value(i))
		}
		return d.record(recordSequence, d.buf)
	})
}

func (d *dumper) record(kind byte, body []byte) error {
	if d.v.failed != nil {
		return d.v.failed
	}
	if kind != recordEnd {
		d.count++
	}
	head := binary.AppendUvarint([]byte{kind}, uint64(len(body)))
	if _, err := d.out.Write(head); err != nil {
		return err
	}
	_, err := d.out.Write(body)
	return err
}

// The kinds of values in a row.
const (
	valueNull = iota
	valueInteger
	valueReal
	valueText
	valueBlob
)

func appendBinary(out []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return binary.AppendVarint(append(out, valueInteger), v)
	case float64:
		return binary.LittleEndian.AppendUint64(append(out, valueReal), math.Float64bits(v))
	case string:
		return append(binary.AppendUvarint(append(out, valueText), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(append(out, valueBlob), uint64(len(v))), v...)
	}
	return append(out, valueNull)
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
