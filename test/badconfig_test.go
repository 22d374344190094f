//go:build linux

package e2e

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// The documented exit codes that these tests meet.
const (
	exitFailed      = 1
	exitUnhealthy   = 4
	exitNotFound    = 5
	exitNotMember   = 7
	exitOlder       = 8
	exitUsage       = 2
	exitUnreachable = 3
)

// A refusal is how a command ended that should fail.
type refusal struct {
	code           int
	stdout, stderr string
}

// refusedWithin runs the host program, which has to end by itself in time, and
// checks that it leaves nothing running.
func refusedWithin(t *testing.T, limit time.Duration, stdin string, args ...string) refusal {
	t.Helper()
	cmd := hostCommand(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-ended
		t.Fatalf("did not end within %v: %v\n%s", limit, args, &stderr)
	}
	if left := live.SessionOf(cmd.Process.Pid); len(left) > 0 {
		t.Errorf("left processes behind: %v", left)
	}
	return refusal{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// says checks exit code and words, and that the error is one: the last thing
// on standard error, after what was logged.
func (r refusal) says(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	message := r.message()
	for _, w := range words {
		if strings.Count(message, w) == 0 {
			t.Errorf("the error does not say %q", w)
		}
	}
	if t.Failed() {
		t.Logf("standard error:\n%s", r.stderr)
	}
}

// message is standard error without the lines of the log.
func (r refusal) message() string {
	var lines []string
	for line := range strings.Lines(r.stderr) {
		if !strings.HasPrefix(line, `{"time":`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Configurations that are wrong are refused before anything is started, with
// the file, the line, and what to write.
func TestBadConfiguration(t *testing.T) {
	for _, x := range []struct {
		name     string
		old, new string // in configs/single.yaml
		line     string // which has to be named
		says     []string
	}{
		{"unknown key", "  election: 1s", "  electoin: 1s", "electoin: 1s", []string{`"electoin"`, "in raft", `did you mean "election"?`}},
		{"unknown section", "admin:\n", "amdin:\n", "amdin:", []string{"amdin", "admin"}},
		{"wrong type of a duration", "tick: 100ms", "tick: soon", "tick: soon", []string{"raft.tick", `"soon" is not a duration`}},
		{"wrong type of a number", "tick: 100ms", "tick: 100ms\n  snapshot_entries: many", "snapshot_entries: many", []string{"raft.snapshot_entries", `"many"`}},
		{"a list for a text", "  name: kv", "  name: [kv]", "name: [kv]", []string{"plugins.statemachine.name"}},
		{"a text for a section", "log:\n", "limits: none\nlog:\n", "limits: none", []string{"limits"}},
		{"not YAML", "cluster:\n", "cluster: {\n", "", []string{"not YAML"}},
		{"impossible value", "election: 1s", "election: 60s", "election: 60s", []string{"raft.election", "at most 50s"}},
		{"id of nobody", "  id: 1\n  # name", "  id: 7\n  # name", "id: 7", []string{"node.id", "not among cluster.members"}},
		{"command without sha256", "    name: kv", "    command: ./counter", "", []string{"plugins.statemachine.sha256", "sha256sum"}},
		{"command of no path", "    name: kv", "    command: counter\n    sha256: " + strings.Repeat("0", 64), "command: counter", []string{"plugins.statemachine.command", "./counter"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newSingle(t)
			n.rewrite(x.old, x.new)
			place := n.config
			if x.line != "" {
				place += ":" + lineOf(t, n.config, x.line)
			}
			for _, command := range [][]string{{"serve"}, {"config", "validate"}} {
				args := append(command, "--config", n.config)
				refusedWithin(t, 5*time.Second, "", args...).says(t, exitUsage, append(x.says, place)...)
			}
		})
	}
}

// lineOf returns the number of the first line that contains words.
func lineOf(t *testing.T, path, words string) string {
	t.Helper()
	out, err := exec.Command("grep", "-nF", "--", words, path).Output()
	if err != nil {
		t.Fatalf("%s has no line with %q", path, words)
	}
	number, _, _ := strings.Cut(string(out), ":")
	return number
}

// Only a plugin can tell what its own section means; the error has the line of
// the host's file all the same.
func TestBadPluginSection(t *testing.T) {
	n := newSingle(t)
	n.rewrite("    name: kv", "    name: kv\n    config:\n      max_answer_byts: 1MiB")
	args := append([]string{"serve"}, n.args()...)
	refusedWithin(t, 10*time.Second, "", args...).says(t, exitUsage,
		n.config, "line "+lineOf(t, n.config, "max_answer_byts"), "statemachine", "kv", "max_answer_byts")
	n.host = nil
	n.noSockets()
}
