package sqlite

import (
	"strconv"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite/internal/engine"
)

// maxRows is how many rows a command may return.
const maxRows = 10_000

// maxResult leaves room in the result for what surrounds the rows.
const maxResult = plugins.MaxResultBytes - 64<<10

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
