//go:build linux

package plugincheck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// own is the test binary and its sum, as a configuration has it.
func own(t *testing.T) (path, sum string) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(text)
	return path, hex.EncodeToString(digest[:])
}

// check runs the checks that match on the test binary, started with args.
func check(t *testing.T, match string, args ...string) (*Report, error) {
	t.Helper()
	return checkWith(t, Hints{
		Commands: []string{"command {i}"}, Refused: []string{"refuse:no"}, Observe: "count", Stream: "all",
		BadQueries: []string{"nonsense"}, Sized: "{fill}", Answering: "result:{n}", Changed: "version:",
	}, match, args...)
}

func checkWith(t *testing.T, hints Hints, match string, args ...string) (*Report, error) {
	t.Helper()
	path, sum := own(t)
	r := Runner{Command: func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, path, "check-tests") }}
	return r.Run(t.Context(), Subject{
		Kind: plugins.StateMachine, Command: append([]string{path}, args...), SHA256: sum, Level: Core, Match: match, Hints: hints,
	})
}

// A sound plugin conforms, and its report says what was checked.
func TestASoundPluginConforms(t *testing.T) {
	t.Parallel()
	r, err := check(t, "", "broken-machine", "nothing")
	if err != nil {
		t.Fatal(err)
	}
	if !r.Conforms() || r.Name != "register" || r.Count(Passed) < 100 {
		t.Errorf("a sound plugin: %+v", r)
	}
	for _, c := range r.Checks {
		if c.Outcome == Failed || c.Outcome == Ended || c.Outcome == Advised {
			t.Errorf("%s %s: %s", c.Outcome, c.Name, c.Output)
		}
	}
}

// A command of the hints that is refused is the only finding, with its text.
func TestARefusedCommandOfTheHintsIsTheOnlyFinding(t *testing.T) {
	t.Parallel()
	r, err := checkWith(t, Hints{Commands: []string{"command {i}", "refuse:me"}}, "grpc", "broken-machine", "nothing")
	if err != nil {
		t.Fatal(err)
	}
	if text := findings(r); r.Count(Failed) != 1 || !strings.Contains(text, `command 2, "refuse:me", is refused`) || r.Count(Passed)+r.Count(Skipped) > 0 {
		t.Errorf("%+v\n%s", r, text)
	}
}

// Each broken process is found by the rule that it breaks.
func TestABrokenProcessIsFound(t *testing.T) {
	for name, broken := range brokenProcesses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := check(t, "process", "broken-process", name)
			findsRule(t, r, err, broken.rule)
		})
	}
}

// Each broken machine is found, by a rule of the part that is about its fault.
func TestABrokenMachineIsFound(t *testing.T) {
	for name, part := range map[string]struct{ match, rule string }{
		"ignores its config":                            {"grpc/Lifecycle", "P-20"},
		"refuses a second Close":                        {"grpc/Lifecycle", "P-24"},
		"lets readers propose":                          {"grpc/Classes", "SM-4"},
		"classes by chance":                             {"grpc/Classes", "SM-4"},
		"loses a result":                                {"grpc/Apply", "SM-7"},
		"exchanges results":                             {"grpc/Determinism", "SM-5"},
		"applies entries again":                         {"grpc/Apply", "SM-8"},
		"answers a skipped entry as if applied":         {"grpc/Apply", "SM-8"},
		"depends on how the log is cut":                 {"grpc/Determinism", "SM-5"},
		"reuses the memory of results":                  {"grpc/Determinism", "SM-5"},
		"reads a clock of its own":                      {"grpc/Determinism", "SM-5"},
		"writes to the data of entries":                 {"grpc/Apply", "SM-10"},
		"applies nothing of which no client is to hear": {"grpc/Results", "SM-16"},
		"cuts long results":                             {"grpc/Results", "SM-15"},
		"goes by its own version":                       {"grpc/Versions", "SM-44"},
		"stays at the version that it began with":       {"grpc/Versions", "SM-44"},
		"has one hash for all states":                   {"grpc/Hash", "SM-48"},
		"hashes how the entries came":                   {"grpc/Hash", "SM-47"},
		"has another hash in each process":              {"grpc/Hash", "SM-47"},
		"has an empty hash":                             {"grpc/Hash", "SM-47"},
		"has a hash of 65 bytes":                        {"grpc/Hash", "SM-47"},
		"answers any query":                             {"grpc/Query", "SM-22"},
		"answers queries from a cache":                  {"grpc/Query", "SM-20"},
		"streams what it streamed before":               {"grpc/QueryStream", "SM-21"},
		"streams any query":                             {"grpc/QueryStream", "SM-22"},
		"announces streams that it has not":             {"grpc/QueryStream", "SM-28"},
		"saves later entries too":                       {"grpc/Snapshot", "SM-31"},
		"says a wrong index":                            {"grpc/Apply", "SM-9"},
		"ends its snapshots early":                      {"grpc/Snapshot", "SM-37"},
		"ends large snapshots early":                    {"grpc/Limits", "SM-11"},
		"restores anything":                             {"grpc/Restore", "SM-40"},
		"reads a part of the snapshot":                  {"grpc/Restore", "SM-37"},
		"keeps the old state at a restore":              {"grpc/Restore", "SM-39"},
		"announces versions that are none":              {"start", "SM-43"},
		"announces a format that is none":               {"start", "SM-45"},
		"names a hash with 65 bytes":                    {"start", "SM-46"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := check(t, part.match, "broken-machine", name)
			findsRule(t, r, err, part.rule)
		})
	}
}

// A schema by which no section can be judged is found, and a section of the hints that the
// schema does not allow.
func TestABrokenSchemaIsFound(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{`{"type": "objekt"}`, `{`, `{"$ref": "https://example.com/s"}`, `{"required": ["path"]}`} {
		r, err := check(t, "section", "broken-schema", schema)
		findsRule(t, r, err, "P-12")
	}
	if r, err := check(t, "section", "broken-schema", `{"required": []}`); err != nil || !r.Conforms() {
		t.Errorf("a sound schema: %+v, %v", r, err)
	}
}

// findsRule fails the test unless a finding names the rule.
func findsRule(t *testing.T, r *Report, err error, rule string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, c := range r.Checks {
		if c.Outcome == Ended {
			t.Errorf("the checking process ended: %s", c.Output)
		}
		if c.Outcome != Failed {
			continue
		}
		for _, named := range c.Rules {
			found = append(found, named.Number)
			if named.Text == "" {
				t.Errorf("%s names %s, which has no text", c.Name, named.Number)
			}
		}
	}
	if r.Conforms() || !slices.Contains(found, rule) {
		t.Errorf("found %s, want %s: %+v", strings.Join(found, ", "), rule, findings(r))
	}
}

// findings are the names and texts of what a report has against a plugin.
func findings(r *Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		if c.Outcome == Failed || c.Outcome == Ended {
			b.WriteString(c.Name + ": " + c.Output)
		}
	}
	return b.String()
}
