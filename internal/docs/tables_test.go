package docs

import (
	"slices"
	"strings"
	"testing"
)

// Each row of a table in docs/failures.md and docs/differences.md has as many cells as
// its head, and none is empty: a case without a test would not be noticed.
func TestTablesOfFailuresHaveNoEmptyCells(t *testing.T) {
	rows := 0
	for _, d := range documents(t) {
		if !slices.Contains(evidenced, d.path) {
			continue
		}
		width := 0
		for i, line := range d.lines {
			if !strings.HasPrefix(line, "|") {
				width = 0
				continue
			}
			cells := cellsOf(line)
			if width == 0 {
				width = len(cells)
			}
			rows++
			for _, cell := range cells {
				if cell == "" || len(cells) != width {
					t.Errorf("%s:%d: %d cells of %d, or an empty one: %s", d.path, i+1, len(cells), width, line)
					break
				}
			}
		}
	}
	if rows < 300 {
		t.Errorf("only %d rows were read", rows)
	}
}

// cellsOf are the cells of a row; a bar in code does not end a cell.
func cellsOf(row string) (cells []string) {
	code := false
	cell := strings.Builder{}
	for _, r := range strings.Trim(row, "| ") {
		switch {
		case r == '|' && !code:
			cells = append(cells, strings.TrimSpace(cell.String()))
			cell.Reset()
			continue
		case r == '`':
			code = !code
		}
		cell.WriteRune(r)
	}
	return append(cells, strings.TrimSpace(cell.String()))
}
