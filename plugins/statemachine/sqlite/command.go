package sqlite

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
	lib "modernc.org/sqlite/lib"
)

// maxRows is how many rows a command may return.
const maxRows = 10_000

// maxResult leaves room in the result for what surrounds the rows.
const maxResult = plugins.MaxResultBytes - 64<<10

// errRefused: the command is refused, with a reason that is the same on all members.
type errRefused string

func (e errRefused) Error() string { return string(e) }

func refuse(format string, args ...any) error { return errRefused(fmt.Sprintf(format, args...)) }

// A executor runs the commands of a batch in the open transaction of the writer.
type executor struct {
	s       *store
	entry   statemachine.Entry
	steps   int  // that are left to the command, in units
	bounded bool // a command runs, and no restore
	over    bool // it has taken all of them
	written int  // bytes of texts and blobs
	last    bool // it has written a row with the last rowid
	// reload is set if SQLite may have to read the schema again, which the next command must not pay.
	reload bool
}

// attach makes the writer's connection run commands: the functions of an entry, the limits.
func (r *executor) attach() error {
	w := r.s.writer
	w.Stop = func() bool {
		if r.s.rules.own || !r.bounded {
			return false
		}
		r.steps--
		r.over = r.over || r.steps <= 0
		return r.over
	}
	w.Changed = func(rowid int64, bytes int) bool {
		if r.s.rules.own {
			return true
		}
		r.last = r.last || rowid == math.MaxInt64
		r.written += bytes
		return !r.bounded || r.written <= maxWritten
	}
	for name, args := range notOfTheEntry {
		reason := errors.New(refusedFunction(name))
		if err := w.Function(name, args, func() (any, error) { return nil, reason }); err != nil {
			return err
		}
	}
	for name, f := range r.functions() {
		if err := w.Function(name, 0, f); err != nil {
			return err
		}
	}
	return nil
}

// functions are those of the entry that is applied.
func (r *executor) functions() map[string]func() (any, error) {
	at := func(layout string) func() (any, error) {
		return func() (any, error) {
			if r.entry.Time == 0 {
				return nil, errors.New("the cluster has no time yet")
			}
			return time.UnixMilli(int64(r.entry.Time)).UTC().Format(layout), nil
		}
	}
	return map[string]func() (any, error){
		"entry_time":        func() (any, error) { return int64(r.entry.Time), nil },
		"entry_term":        func() (any, error) { return int64(r.entry.Term), nil },
		"entry_index":       func() (any, error) { return int64(r.entry.Index), nil },
		"current_timestamp": at(time.DateTime),
		"current_date":      at(time.DateOnly),
		"current_time":      at(time.TimeOnly),
	}
}

// command runs one command in a savepoint. The command that is refused leaves nothing. An
// error is one of the process: nothing is known of the transaction then.
func (r *executor) command(entry statemachine.Entry) (statemachine.Result, error) {
	r.entry, r.over, r.last, r.written = entry, false, false, 0
	w := r.s.writer
	if err := w.Exec("SAVEPOINT command"); err != nil {
		return statemachine.Result{}, err
	}
	if r.reload {
		if err := w.Exec("SELECT 1 FROM " + metaTable); err != nil {
			return statemachine.Result{}, err
		}
		r.reload = false
	}
	data, err := r.run(entry.Data)
	if err == nil {
		return statemachine.Result{Data: data}, w.Exec("RELEASE command")
	}
	if !isRefusal(err) && !((r.over || r.written > maxWritten) && engine.Primary(err) == lib.SQLITE_INTERRUPT) && !(r.last && engine.Primary(err) == lib.SQLITE_FULL) {
		return statemachine.Result{}, fmt.Errorf("apply entry %d: %w", entry.Index, err)
	}
	r.reload = true
	switch {
	case r.last: // what came after it, an error too, may be of a rowid that was drawn
		err = refuse("the rowid %d is refused: SQLite would draw the next one at random", int64(math.MaxInt64))
	case r.written > maxWritten:
		err = refuse("the command writes more than %d bytes of texts and blobs", maxWritten)
	case r.over:
		err = refuse("the command takes more than %d instructions of SQLite's virtual machine", maxSteps)
	}
	result := statemachine.Result{Error: shorten(err.Error())}
	if !w.InTransaction() {
		return result, nil // the caller sees it
	}
	return result, w.Exec("ROLLBACK TO command; RELEASE command")
}

func shorten(text string) string {
	const most = 2000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// run runs the statements of a command and returns its result.
func (r *executor) run(data []byte) ([]byte, error) {
	s, err := parse(data)
	if err != nil {
		return nil, refuse("%s", err)
	}
	w := r.s.writer
	before := w.TotalChanges()
	var answer rowsOf
	schema := false
	r.steps, r.bounded = maxSteps/engine.StepUnit, true
	for first, sql := true, s.SQL; !blank(sql); first = false {
		rest, changes, err := r.statement(sql, s, first, &answer)
		if err != nil {
			return nil, err
		}
		schema = schema || changes
		sql = rest
	}
	if r.last {
		return nil, refuse("the last rowid")
	}
	if r.written > maxWritten {
		return nil, refuse("too many bytes")
	}
	if w.ForeignKeysOpen() {
		return nil, refuse("FOREIGN KEY constraint failed")
	}
	if schema {
		if err := r.checkSchema(); err != nil {
			return nil, err
		}
	}
	return answer.result(w.TotalChanges() - before), nil
}

// statement runs the first statement of sql and returns the rest.
func (r *executor) statement(sql string, s statement, first bool, answer *rowsOf) (rest string, schema bool, err error) {
	p := &r.s.rules
	p.begin()
	p.own = false
	defer func() { p.own = true }()
	stmt, rest, err := r.s.writer.Prepare(sql)
	if p.reason != "" {
		if stmt != nil {
			stmt.Close()
		}
		return "", false, refuse("%s", p.reason)
	}
	if err != nil || stmt == nil {
		return rest, false, err
	}
	defer stmt.Close()
	if stmt.Explains() {
		return "", false, refuse("EXPLAIN is refused in a command: it shows where tables are in the file; ask it as a query")
	}
	if !first || !blank(rest) {
		if len(s.list)+len(s.named) > 0 {
			return "", false, refuse("a command of several statements has no arguments")
		}
	}
	if err := bind(stmt, s); err != nil {
		if engine.Primary(err) != 0 {
			return "", false, err
		}
		return "", false, refuse("%s", err)
	}
	if err := answer.read(stmt); err != nil {
		if p.reason != "" { // of a statement that was prepared again
			return "", false, refuse("%s", p.reason)
		}
		return "", false, err
	}
	return rest, p.changes, nil
}

// checkSchema refuses what cannot be seen before the schema has it.
func (r *executor) checkSchema() error {
	// An error in it would be one of the statement that writes the applied index.
	found, err := r.some(`SELECT m.name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' AND lower(f."table") = '` + metaTable + `' LIMIT 1`)
	if err != nil {
		return err
	}
	if found {
		return refuse("the table %s is the state machine's own", metaTable)
	}
	found, err = r.some(`SELECT 1 FROM sqlite_schema m WHERE m.type = 'table' AND 3 =
		(SELECT count(*) FROM pragma_table_xinfo(m.name) c WHERE lower(c.name) IN ('rowid', 'oid', '_rowid_')) LIMIT 1`)
	if found {
		return refuse("a table with columns of the names rowid, oid and _rowid_ is refused: the rowids of its rows have no name then, and no place in a snapshot")
	}
	return err
}

// some tells whether a query of the state machine's own has a row.
func (r *executor) some(sql string) (bool, error) {
	stmt, _, err := r.s.writer.Prepare(sql)
	if err != nil {
		return false, err
	}
	defer stmt.Close()
	return stmt.Step()
}

// bind gives a statement its arguments.
func bind(stmt *engine.Stmt, s statement) error {
	params := stmt.Params()
	if s.named == nil && len(params) != len(s.list) {
		return fmt.Errorf("the statement has %d parameters, and %d arguments are given", len(params), len(s.list))
	}
	if s.named != nil && len(params) != len(s.named) {
		return fmt.Errorf("the statement has %d parameters, and %d named arguments are given", len(params), len(s.named))
	}
	for i, param := range params {
		var value any
		if s.named == nil {
			value = s.list[i]
		} else {
			found := false
			if param != "" {
				value, found = s.named[param[1:]]
			}
			if !found {
				return fmt.Errorf("there is no argument for parameter %d, %q", i+1, param)
			}
		}
		if err := stmt.Bind(i+1, value); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf are the rows that a command returns: those of its last statement that has columns.
type rowsOf struct {
	columns []byte
	rows    []byte
	count   int
}

func (a *rowsOf) read(stmt *engine.Stmt) error {
	names := stmt.Columns()
	if len(names) > 0 {
		*a = rowsOf{columns: appendNames(nil, names)}
	}
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		if a.count++; a.count > maxRows {
			return refuse("the result has more than %d rows: a query has more", maxRows)
		}
		if a.count > 1 {
			a.rows = append(a.rows, ',')
		}
		fits := false
		if a.rows, fits = appendRow(a.rows, stmt, len(names), maxResult-len(a.columns)); !fits {
			return refuse("the result is longer than %d bytes: a query has more", maxResult)
		}
	}
}

func (a *rowsOf) result(changes int64) []byte {
	out := strconv.AppendInt([]byte(`{"changes":`), changes, 10)
	if a.columns != nil {
		out = append(append(out, `,"columns":`...), a.columns...)
		out = append(append(append(out, `,"rows":[`...), a.rows...), ']')
	}
	return append(out, '}')
}

// isRefusal tells an error that is the same on all members from one of this process, as a
// full disk.
func isRefusal(err error) bool {
	var r errRefused
	if errors.As(err, &r) {
		return true
	}
	switch engine.Primary(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_RANGE,
		lib.SQLITE_AUTH, lib.SQLITE_ABORT, lib.SQLITE_LOCKED:
		return true
	}
	return false
}
