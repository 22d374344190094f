package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// Texts of members, plugins and files reach a terminal as text, whatever is in
// them: nothing clears the screen, hides a line or forges one.
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
	cmd := newRoot()
	cmd.SetErr(&out)
	report(cmd, errors.New("refused: \x1b]0;title\a\nsecond\tline\n"))
	if want := "host: refused: \\x1b]0;title\\a\nsecond    line\n"; out.String() != want {
		t.Errorf("an error is %q, want %q", out.String(), want)
	}
	if got := readable([]byte("k\u202e")); got != `"k\u202e"` {
		t.Errorf("a key is %s", got)
	}
}

// A text of peers and clients is a part of one line of the log, with any characters:
// no line is forged, and in text nothing steers the terminal that shows it.
func TestNothingForgesALineOfTheLog(t *testing.T) {
	for format, raw := range map[string]string{
		hostconfig.FormatText: "\x1b[2J\u202e\u0085\u2028\x7f",
		hostconfig.FormatJSON: "\x1b[2J\u2028",
	} {
		var out bytes.Buffer
		logger := slog.New(logForm(&out, hostconfig.Log{Format: format, Level: slog.LevelInfo})(&out))
		logger.Info("joined "+raw, "name", "n1"+raw+"\nlevel=ERROR msg=forged", "error", errors.New(raw))
		if lines := strings.Count(out.String(), "\n"); lines != 1 || strings.ContainsAny(out.String(), raw[:1]+strings.TrimPrefix(raw, "\x1b[2J")) {
			t.Errorf("%s: %d lines: %q", format, lines, &out)
		}
	}
}
