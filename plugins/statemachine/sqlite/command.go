package sqlite

import (
	"fmt"
	"math"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
	lib "modernc.org/sqlite/lib"
)

// A executor runs the commands of a batch in the open transaction of the writer.
type executor struct {
	s       *store
	entry   statemachine.Entry
	steps   int  // instructions that are left to the command
	bounded bool // a command runs, and no restore
	over    bool // it has taken all of them
	// expanding is set while the views are looked at, and expansion is what that has cost.
	expanding bool
	expansion int
	written   int  // bytes of texts and blobs
	last      bool // it has written a row with the last rowid
	// reload is set if SQLite may have to read the schema again, which the next command must not pay.
	reload bool
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
	r.steps, r.bounded = maxSteps, true
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
	if p.alters {
		p.own = true
		err := r.checkViews()
		p.own = false
		if err != nil {
			return "", false, err
		}
	}
	if err := answer.read(stmt); err != nil {
		if p.reason != "" { // of a statement that was prepared again
			return "", false, refuse("%s", p.reason)
		}
		return "", false, err
	}
	return rest, p.changes, nil
}
