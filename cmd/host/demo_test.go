package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/cmd/host/demo"
)

// buildHost builds the program, without the race detector, which makes every
// process linger for a second at its end.
func buildHost(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "host")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// demoSettings put the demo's directory where the test's end removes it.
func demoSettings(t *testing.T, executable string, out io.Writer) demo.Settings {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	return demo.Settings{Nodes: 3, For: time.Millisecond, Executable: executable, Command: "./host", Dial: dialDemo, Out: out}
}

// nothingLeft checks that every process the story names is gone, and the
// directory too.
func nothingLeft(t *testing.T, story string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`pid (\d+)`).FindAllStringSubmatch(story, -1) {
		pid, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if p, err := os.FindProcess(pid); err == nil && p.Signal(syscall.Signal(0)) == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
	dir := regexp.MustCompile(`in (/\S+)`).FindStringSubmatch(story)
	if dir == nil {
		t.Fatalf("no directory in\n%s", story)
	}
	if _, err := os.Stat(dir[1]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir[1], err)
	}
}

func TestDemo(t *testing.T) {
	host := buildHost(t)
	t.Run("tells the whole story", func(t *testing.T) { tellsTheWholeStory(t, host) })
	t.Run("can be stopped at any point", func(t *testing.T) { canBeStoppedAtAnyPoint(t, host) })
	t.Run("says why a host ended", saysWhyAHostEnded)
}

// Twelve processes, and four more when the leader comes back.
func tellsTheWholeStory(t *testing.T, host string) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var out bytes.Buffer
	if err := demo.Run(t.Context(), demoSettings(t, host, &out)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	story := out.String()
	at := 0
	for _, want := range []string{
		`Starting 3 hosts, each with three plugin processes`,
		`n[123] is the leader; all are ready after`,
		`Wrote 100 keys .* durable on 2 of 3 nodes`,
		`Read all 100 back on n[123], linearizable`,
		`Killed the leader n[123] \(kill -9 of host pid \d+\)`,
		`n[123] is the new leader after`,
		`Wrote all 100 keys again without n[123]`,
		`Started n[123] again on its data: host pid \d+`,
		`n[123] has caught up after`,
		`Read all 100 back on n[123], linearizable`,
		`n1 +\w+ +\d+ +\d+ +http pid \d+ +wal pid \d+ +kv pid \d+`,
		`n3 +\w+ +\d+ +\d+ +http pid \d+ +wal pid \d+ +kv pid \d+`,
		`export PONTOON_ENDPOINTS=127`,
		`Stopped all hosts`,
	} {
		found := regexp.MustCompile(want).FindStringIndex(story[at:])
		if found == nil {
			t.Fatalf("%q is not in the rest of\n%s", want, story)
		}
		at += found[1]
	}
	nothingLeft(t, story)
}

// stopAt ends a context when the story comes to a line.
type stopAt struct {
	bytes.Buffer
	line   string
	cancel context.CancelFunc
}

func (s *stopAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.line) {
		s.cancel()
	}
	return s.Buffer.Write(p)
}

func canBeStoppedAtAnyPoint(t *testing.T, host string) {
	for _, x := range []struct {
		line string
		want error
	}{
		{"n1: host pid", context.Canceled},
		{"Killed the leader", context.Canceled},
		{"Serving until Ctrl-C", nil},
	} {
		t.Run(x.line, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &stopAt{line: x.line, cancel: cancel}
			s := demoSettings(t, host, out)
			s.For = 0
			if err := demo.Run(ctx, s); !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
				t.Errorf("got %v, want %v\n%s", err, x.want, out.String())
			}
			nothingLeft(t, out.String())
		})
	}
}

// A host that cannot run is reported with its own last words.
func saysWhyAHostEnded(t *testing.T) {
	unwilling, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := demoSettings(t, unwilling, &out)
	s.Patience = 20 * time.Second
	err = demo.Run(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "ended by itself: exit status 1") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, out.String())
}
