package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// What members, plugins and files say reaches a terminal as text, whatever is in
// it: nothing clears the screen, hides a line or forges one.
func TestNothingSteersTheTerminal(t *testing.T) {
	for _, c := range []struct{ raw, shown string }{
		{"n1", "n1"},
		{"größer 界", "größer 界"},
		{"a\x1b[2Jb", `a\x1b[2Jb`},
		{"a\u202eb", `a\u202eb`},
		{"a\u0085b\x7f", `a\u0085b\x7f`},
		{"a\xffb\ufffd", "a\\xffb\ufffd"},
		{"a\tb\nc", "a b c"},
	} {
		var out bytes.Buffer
		row(&out, c.raw)
		if got := strings.TrimSuffix(out.String(), "\n"); got != c.shown {
			t.Errorf("a cell of %q is %q, want %q", c.raw, got, c.shown)
		}
	}
	var out bytes.Buffer
	report(&out, errors.New("refused: \x1b]0;title\a\nsecond\tline\n"))
	if want := "host: refused: \\x1b]0;title\\a\nsecond    line\n"; out.String() != want {
		t.Errorf("an error is %q, want %q", out.String(), want)
	}
	if got := readable([]byte("k\u202e")); got != `"k\u202e"` {
		t.Errorf("a key is %s", got)
	}
}
