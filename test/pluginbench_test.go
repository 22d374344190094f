//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/bench"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// Each kind is measured by all that its row of the page names. The shipped plugins stand for those
// of an author here, so that both sides do the same.
func TestPluginBenchMeasuresEachKind(t *testing.T) {
	t.Parallel()
	kvHints := hintsFile(t, "observe: base64:"+base64.StdEncoding.EncodeToString(kv.EncodeGet([]byte("a")))+"\n")
	for _, x := range []struct {
		kind, name string
		flags      []string
		rows       []string
	}{
		{"statemachine", "kv", []string{"--commands", kvCommands(t), "--hints", kvHints}, []string{
			"query", "snapshot, save", "snapshot, restore", "apply, batches of 1", "apply, batches of 16", "apply, batches of 256",
		}},
		{"storage", "wal", []string{"--dir", "."}, []string{
			"read", "append and sync, 1 entry", "append and sync, 64 entries", "recovery of 20000 entries",
		}},
		{"transport", "http", []string{"--hints", hintsFile(t, "url: http://{address}\n")}, []string{"messages, one way", "snapshot"}},
	} {
		args := append([]string{"--kind", x.kind, "--duration", "300ms", "-o", "json"}, x.flags...)
		out, code := runPluginBench(t, append(args, "--", hostProgram(t), "plugin-serve", x.kind, x.name)...)
		var report bench.Report
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
			t.Errorf("%s: exit code %d, %v\n%s", x.kind, code, err, out)
			continue
		}
		var rows []string
		for _, r := range report.Rows {
			rows = append(rows, r.Name)
			if !(r.Plugin > 0 && r.Shipped > 0 && r.Ratio > 0 && r.RatioError >= 0) || r.Unit == "" {
				t.Errorf("%s: %+v", x.kind, r)
			}
		}
		if !slices.Equal(rows, x.rows) || len(report.Skipped) > 0 || report.Rounds != 3 {
			t.Errorf("%s: %d rounds of %q, want 3 of %q; skipped %+v", x.kind, report.Rounds, rows, x.rows, report.Skipped)
		}
		if report.Plugin.Name != x.name || report.Shipped.Name != x.name || report.Plugin.SHA256 != sumOf(t, hostProgram(t)) {
			t.Errorf("%s: %+v beside %+v", x.kind, report.Plugin, report.Shipped)
		}
	}
}

// A plugin whose first answers are not what it was asked for is a sentence, and so is a command
// line that lacks something.
func TestPluginBenchSaysWhyItMeasuresNothing(t *testing.T) {
	t.Parallel()
	kvOf := []string{"--", hostProgram(t), "plugin-serve", "statemachine", "kv"}
	for _, x := range []struct {
		args []string
		code int
		says string
	}{
		{
			append([]string{"--kind", "statemachine"}, kvOf...), 1,
			"the plugin kv, its first answers: it refused random bytes: command has no operation; give a file with commands that it accepts",
		},
		{append([]string{"--kind", "statemachine", "--commands", hintsFile(t, "\x0f\n")}, kvOf...), 1, `it refused command 1, "\x0f"`},
		{append([]string{"--kind", "statemachine", "--commands", hintsFile(t, "a\nbase64:-\n")}, kvOf...), 2, `line 2: "base64:-": illegal base64`},
		{append([]string{"--kind", "statemachine", "--commands", kvCommands(t), "--hints", hintsFile(t, "observe: x\n")}, kvOf...), 1, `the query "x"`},
		{[]string{"--kind", "storage", "--", "/bin/ls"}, 2, "/bin/ls"},
		{[]string{"--kind", "storage", "--duration", "0s", "--", "/bin/ls"}, 2, "--duration must be above 0"},
		{[]string{"--kind", "storage", "--dir", "/does/not/exist", "--", hostProgram(t), "plugin-serve", "storage", "wal"}, 1, "no such file"},
		{[]string{"--kind", "disk", "--", "/bin/ls"}, 2, "use storage, statemachine or transport"},
	} {
		if out, code := runPluginBench(t, x.args...); code != x.code || !strings.Contains(out, x.says) {
			t.Errorf("%v: exit code %d, want %d with %q\n%s", x.args, code, x.code, x.says, out)
		}
	}
}

// An interrupt ends it: no process is left, and no file.
func TestAnInterruptedPluginBenchLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp(shortdir.Parent(), "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd := exec.Command(hostProgram(t), "plugin", "bench", "--kind", "storage", "--duration", "1h", "--", hostProgram(t), "plugin-serve", "storage", "wal")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ofBench := func(p live.Process) bool { return p.Has(dir) }
	live.Eventually(t, "both plugins to run", func() bool { return len(live.ChildrenOf(cmd.Process.Pid)) >= 2 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("it runs a minute after the interrupt")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if left := live.Processes(ofBench); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory of temporary files: %v, %v", left, err)
	}
}

// plugin check of the level performance says how the plugin compares.
func TestPluginCheckOfPerformance(t *testing.T) {
	t.Parallel()
	out, code := runPluginCheck(t, "--kind", "transport", "--level", "performance", "--duration", "300ms", "--run", "performance",
		"--hints", hintsFile(t, "url: http://{address}\n"), "--", hostProgram(t), "plugin-serve", "transport", "http")
	for _, want := range []string{"MEASURED messages, one way: ", "MEASURED snapshot: ", " of the shipped http: ", "2 checks passed, 0 failed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if code != 0 || t.Failed() {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// kvCommands is a file of commands that kv accepts.
func kvCommands(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i := range 100 {
		put := kv.EncodePut(fmt.Appendf(nil, "key-%03d", i), []byte(strings.Repeat("v", 240)))
		b.WriteString("base64:" + base64.StdEncoding.EncodeToString(put) + "\n")
	}
	path := filepath.Join(t.TempDir(), "commands.txt")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runPluginBench runs host plugin bench in a directory of its own, and returns what it printed and
// its exit code.
func runPluginBench(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hostProgram(t), append([]string{"plugin", "bench"}, args...)...)
	cmd.Dir = t.TempDir()
	out, _ := cmd.CombinedOutput() // the exit code is in ProcessState
	if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
		t.Errorf("%v left %v, %v", args, left, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
