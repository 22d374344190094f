//go:build linux

package plugincheck

import (
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Commands are numbered and filled, and may be given in base64.
func TestCommands(t *testing.T) {
	t.Parallel()
	texts, err := ReadCommands([]byte("put a{i} {i}\r\n\nbase64:AAE=\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSeries(texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"put a1 1", "\x00\x01", "put a3 3"} {
		if got := string(s.Command(i)); got != want {
			t.Errorf("command %d is %q, want %q", i, got, want)
		}
	}
	if _, err := NewSeries([]string{"base64:?"}); err == nil {
		t.Error("bad base64 is taken")
	}
	if got := string(filled("put k {fill}", 12)); len(got) != 12 || !strings.HasPrefix(got, "put k xxxx") {
		t.Errorf("filled %q", got)
	}
}

// A file of commands that has none, or a line that stands for no bytes, is refused with the line.
func TestABadLineOfCommandsIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"put a\n\nbase64:?\n": "line 3: \"base64:?\": illegal base64",
		"\n\r\n":              "no command",
		"":                    "no command",
	} {
		if commands, err := ReadCommands([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %q, %v, want %q", text, commands, err, want)
		}
	}
}

// A misspelt hint is refused with its line, and so is a subject that no kit can be run on.
func TestHints(t *testing.T) {
	t.Parallel()
	_, err := ReadHints([]byte("commands: [a]\nobserves: x\n"))
	for _, want := range []string{"line 2", "observes is not a hint", "observe, stream, bad_queries"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a misspelt key: %v, want %q", err, want)
		}
	}
	if _, err := ReadHints([]byte("link: udp\n")); err == nil {
		t.Error("an unknown link is taken")
	}
	if err := (&Subject{Kind: plugins.StateMachine}).Check(); err == nil || !strings.Contains(err.Error(), "--commands") {
		t.Errorf("a state machine without commands: %v", err)
	}
	if _, err := transportHarness(&Hints{}, nil, plugins.Info{}); err == nil || !strings.Contains(err.Error(), "{address}") {
		t.Errorf("a transport without a scheme: %v", err)
	}
}

// A refused command has a name that is one part of a check's, and its own data.
func TestARefusedCommandMayHaveASlash(t *testing.T) {
	t.Parallel()
	h, err := stateMachineHarness(&Hints{Commands: []string{"x"}, Refused: []string{"get a/b"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := h.Refused[0]; strings.Contains(r.Name, "/") || string(r.Data) != "get a/b" {
		t.Errorf("%q with %q", r.Name, r.Data)
	}
}

// A check that was skipped names the hint that it lacks, and a field of the kit that no hint
// sets by its own name.
func TestASkippedCheckNamesItsHint(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"apply.go:98: the harness has no BadQueries\n": "apply.go:98: there is no hint bad_queries\n",
		"the harness has no Observe":                   "there is no hint observe",
		"the harness has no Moment":                    "the harness has no Moment, which no hint sets",
		"this lane cannot fill a disk":                 "this lane cannot fill a disk",
	} {
		if got := inHints(said); got != want {
			t.Errorf("%q becomes %q, want %q", said, got, want)
		}
	}
}
