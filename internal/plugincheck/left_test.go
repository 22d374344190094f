//go:build linux

package plugincheck

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Of a handshake line without end the beginning is kept, and not more.
func TestALineWithoutEnd(t *testing.T) {
	t.Parallel()
	p := &rawProcess{cmd: exec.Command("true"), lines: make(chan string, 1), exited: make(chan struct{})}
	p.read(strings.NewReader(strings.Repeat("x", 1<<20)))
	if line, ok := p.line(t); !ok || len(line) != maxLine {
		t.Errorf("%d bytes of the line are kept", len(line))
	}
}

// An interrupt leaves nothing: no directory, and no process of a plugin that does not listen.
func TestAnInterruptedCheckLeavesNothing(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "l") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	path, sum := own(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := Runner{
		Command: func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, path, "check-tests") },
		Progress: func(c *Check) {
			if c.Name == "process/Signals" { // a lane has been made, and a child left
				cancel()
			}
		},
	}
	_, err = r.Run(ctx, Subject{
		Kind: plugins.StateMachine, Command: []string{path, "broken-process", "leaves a child in another group"}, Level: Core,
		SHA256: sum, Hints: Hints{Commands: []string{"command {i}"}},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v", err)
	}
	left, err := os.ReadDir(dir)
	if len(left) > 0 || err != nil || len(processesWith(dir)) > 0 {
		t.Errorf("left: %v, %v, processes %v", left, err, processesWith(dir))
	}
}
