package catalog

import (
	"strings"
	"testing"
)

// A slot keeps the newest lines, of which neither the number nor the bytes pass a limit.
func TestTheNewestLinesAreKept(t *testing.T) {
	var r lineRing
	for range keptLines + 5 {
		r.add(7, stderrStream, "x")
	}
	all := r.after(0, 0)
	if len(all) != keptLines || all[0].Number != 6 || all[len(all)-1].Number != keptLines+5 {
		t.Errorf("%d lines from %d to %d", len(all), all[0].Number, all[len(all)-1].Number)
	}
	if some := r.after(keptLines, 0); len(some) != 5 || some[0].Number != keptLines+1 {
		t.Errorf("%d lines after %d", len(some), keptLines)
	}
	if some := r.after(0, 3); len(some) != 3 || some[2].Number != keptLines+5 {
		t.Errorf("%d lines of 3", len(some))
	}
	large := strings.Repeat("y", maxLogLine)
	for range 100 {
		r.add(7, stderrStream, large)
	}
	sum := 0
	for _, l := range r.after(0, 0) {
		sum += len(l.Text)
	}
	if sum != keptBytes || r.bytes != sum {
		t.Errorf("%d bytes are kept, and %d counted", sum, r.bytes)
	}
}
