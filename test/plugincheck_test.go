//go:build linux

package e2e

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// plugin check conforms with the example, and says what goes into a configuration.
func TestPluginCheckOfTheExample(t *testing.T) {
	t.Parallel()
	path, junit := counterProgram(t), filepath.Join(t.TempDir(), "junit.xml")
	out, code := runPluginCheck(t, "--kind", "statemachine", "--hints", "../examples/counter/check.yaml", "--junit", junit, "-o", "json", "--", path)
	var report struct {
		Name, Version, SHA256 string
		Checks                []struct{ Name, Outcome string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	passed := 0
	for _, c := range report.Checks {
		switch c.Outcome {
		case "passed":
			passed++
		case "skipped":
		default:
			t.Errorf("%s: %s", c.Name, c.Outcome)
		}
	}
	if code != 0 || report.Name != "counter" || report.SHA256 != sumOf(t, path) || passed < 100 {
		t.Errorf("exit code %d, %d checks passed of %q with %s", code, passed, report.Name, report.SHA256)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &suite); err != nil || suite.Tests != len(report.Checks) || suite.Failures != 0 {
		t.Errorf("JUnit: %+v, %v", suite, err)
	}
}

// The processes of the shipped backends keep the rules of processes; their kits run in TestWALInAProcess and
// the like.
func TestPluginCheckOfTheShippedProcesses(t *testing.T) {
	t.Parallel()
	for _, x := range [][]string{
		{"--kind", "storage", "--run", "process", "--", hostProgram(t), "plugin-serve", "storage", "wal"},
		{"--kind", "transport", "--hints", hintsFile(t, "url: http://{address}\n"), "--run", "process", "--", hostProgram(t), "plugin-serve", "transport", "http"},
		{"--kind", "transport", "--hints", hintsFile(t, "url: quic://{address}\n"), "--run", "process", "--", hostProgram(t), "plugin-serve", "transport", "quic"},
		{"--kind", "statemachine", "--hints", hintsFile(t, "commands: [x]\n"), "--run", "process", "--", hostProgram(t), "plugin-serve", "statemachine", "kv"},
	} {
		if out, code := runPluginCheck(t, x...); code != 0 || !strings.Contains(out, "For a host's configuration:") {
			t.Errorf("%v: exit code %d\n%s", x, code, out)
		}
	}
}

// A program that is not a plugin is a finding with the rule, a command line that lacks something a sentence.
func TestPluginCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	changing := filepath.Join(t.TempDir(), "changing")
	if err := os.WriteFile(changing, []byte("#!/bin/sh\necho >>\"$PONTOON_PLUGIN_FILE\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--kind", "storage", "--", "/bin/ls"}, 4, "P-3 in docs/plugins/protocol.md: The handshake line MUST"},
		{[]string{"--kind", "statemachine", "--commands", hintsFile(t, "1\n"), "--", "/bin/ls"}, 4, "FINDING"},
		{[]string{"--kind", "storage", "--", "/does/not/exist"}, 1, "no such file"},
		{[]string{"--kind", "statemachine", "--", "/bin/ls"}, 2, "--commands"},
		{[]string{"--kind", "storage", "--duration", "5s", "--", "/bin/ls"}, 2, "--duration is for --level performance"},
		{[]string{"--kind", "storage", "--level", "speed", "--", "/bin/ls"}, 2, "use core, durability or performance"},
		{[]string{"--kind", "disk", "--", "/bin/ls"}, 2, "use storage, statemachine or transport"},
		{[]string{"--kind", "storage", "--hints", hintsFile(t, "observes: x\n"), "--", "/bin/ls"}, 2, "observes is not a hint\nhints are: config, commands"},
		{[]string{"--kind", "storage", "--", changing}, 1, "changed while it was checked"},
		{[]string{"--kind", "storage"}, 2, "COMMAND"},
	} {
		if out, code := runPluginCheck(t, x.args...); code != x.code || !strings.Contains(out, x.says) {
			t.Errorf("%v: exit code %d, want %d with %q\n%s", x.args, code, x.code, x.says, out)
		}
	}
}

// hintsFile is a file with a text.
func hintsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hints.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runPluginCheck runs host plugin check and returns what it printed, and its exit code.
func runPluginCheck(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hostProgram(t), append([]string{"plugin", "check"}, args...)...)
	out, _ := cmd.CombinedOutput() // the exit code is in ProcessState
	return string(out), cmd.ProcessState.ExitCode()
}
