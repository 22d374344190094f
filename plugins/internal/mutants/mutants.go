// Package mutants runs a conformance kit on backends that are sound but for one fault each.
// Each has a process of its own, since a kit fails the test that runs it: the executable of
// the tests once more, with its test TestMutantChild.
package mutants

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
)

// variable names the mutant that a process runs the kit on.
const variable = "PONTOON_KIT_MUTANT"

// OnlyParent skips a test in a process for one mutant.
func OnlyParent(t *testing.T) {
	t.Helper()
	if os.Getenv(variable) != "" {
		t.Skip("this process runs the kit on one mutant, for TestMutants in its parent")
	}
}

// Child is the mutant of this process. It skips the test if there is none.
func Child(t *testing.T) string {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		t.Skip("TestMutants runs it")
	}
	return name
}

// Fails fails the test unless the kit fails the mutant in the part that is about its fault,
// and names a rule of that kind of plugin, as rule.Named has it.
func Fails(t *testing.T, name, part, kind string) {
	t.Helper()
	out, err := runKit(t, name, part)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the part %s of the kit passed it: %v\n%s", part, err, out)
	}
	if want := "--- FAIL: TestMutantChild/" + printed(part); !strings.Contains(out, want) || strings.Contains(out, "panic:") {
		t.Fatalf("the kit ended for another reason:\n%s", out)
	}
	if !rule.Named(out, kind) {
		t.Errorf("it names no rule:\n%s", out)
	}
}

func runKit(t *testing.T, name, part string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pattern := "^TestMutantChild$"
	for below := range strings.SplitSeq(printed(part), "/") {
		pattern += "/^" + regexp.QuoteMeta(below) + "$"
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run="+pattern, "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), variable+"="+name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// printed is a part as package testing writes it.
func printed(part string) string { return strings.ReplaceAll(part, " ", "_") }
