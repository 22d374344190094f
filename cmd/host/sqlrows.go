package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
)

// sqlText is a value for people and for CSV: NULL is nothing, and bytes are in base64.
func sqlText(value json.RawMessage) string {
	var v any
	in := json.NewDecoder(bytes.NewReader(value))
	in.UseNumber()
	if in.Decode(&v) != nil || v == nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		for _, inner := range v {
			return fmt.Sprint(inner)
		}
	}
	return fmt.Sprint(v)
}

// sqlTableRows is how many rows of a table are aligned with each other.
const sqlTableRows = 1000

// sqlRows shows rows in a format. A table is shown in pieces, so that an answer of any length
// takes no memory.
type sqlRows struct {
	w       io.Writer
	format  string
	columns []string
	table   [][]string
	shown   bool // the names of the columns
	csv     *csv.Writer
}

func newSQLRows(w io.Writer, format string, columns []string) *sqlRows {
	r := &sqlRows{w: w, format: format, columns: columns, csv: csv.NewWriter(w)}
	if format == formatCSV {
		_ = r.csv.Write(columns) // an error is that of the end
	}
	return r
}

func (r *sqlRows) row(values []json.RawMessage) error {
	if r.format == formatJSON {
		var line bytes.Buffer
		line.WriteByte('{')
		for i, value := range values[:min(len(values), len(r.columns))] {
			name, _ := json.Marshal(r.columns[i])
			if i > 0 {
				line.WriteByte(',')
			}
			line.Write(append(append(name, ':'), value...))
		}
		line.WriteString("}\n")
		_, err := r.w.Write(line.Bytes())
		return err
	}
	cells := make([]string, len(values))
	for i, value := range values {
		cells[i] = sqlText(value)
	}
	if r.format == formatCSV {
		return r.csv.Write(cells)
	}
	if r.table = append(r.table, cells); len(r.table) >= sqlTableRows {
		return r.flush()
	}
	return nil
}

func (r *sqlRows) flush() error {
	err := table(r.w, func(w io.Writer) {
		lines := r.table
		if !r.shown {
			lines = append([][]string{r.columns}, lines...)
		}
		for _, cells := range lines {
			line := make([]any, len(cells))
			for i, cell := range cells {
				line[i] = cell
			}
			row(w, line...)
		}
	})
	r.table, r.shown = r.table[:0], true
	return err
}

func (r *sqlRows) end() error {
	if r.format == formatTable {
		return r.flush()
	}
	r.csv.Flush()
	return r.csv.Error()
}
