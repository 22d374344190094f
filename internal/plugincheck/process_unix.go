//go:build unix

package plugincheck

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// signalTime is how long a plugin may take to end after a signal that it does not ignore.
const signalTime = time.Second

// restarts is how often the subject is killed, and started again.
func (l Level) restarts() int {
	if l == Durability {
		return 100
	}
	return 10
}

// testHandshakes checks the rules of docs/plugins/protocol.md that hold before a host has
// connected.
func testHandshakes(t *testing.T, s *Subject) {
	t.Run("Alone", func(t *testing.T) { testAlone(t, s) })
	t.Run("Handshake", func(t *testing.T) { testHandshake(t, s) })
	t.Run("OtherVersion", func(t *testing.T) { testOtherVersion(t, s) })
	t.Run("Lifeline", func(t *testing.T) { testLifeline(t, s) })
}

// testProcess checks the rules of that page that are about the process of a plugin that a host
// has started.
func testProcess(t *testing.T, l *subjectLane, level Level) {
	t.Run("Signals", func(t *testing.T) { testSignals(t, l) })
	t.Run("Stopped", func(t *testing.T) { testStopped(t, l) })
	t.Run("Shutdown", func(t *testing.T) { testShutdown(t, l) })
	t.Run("Restarts", func(t *testing.T) { testRestarts(t, l, level.restarts()) })
}

// testAlone: a person who starts the program is told what it is for. This is a SHOULD.
func testAlone(t *testing.T, s *Subject) {
	p := startProcess(t, s, nil)
	if line, ok := p.line(t); ok {
		t.Skipf("advice, rule P-1: without PONTOON_PLUGIN the program SHOULD refuse to run; it wrote %q", line)
	}
	code := p.end(t)
	if code != exitUsage || strings.TrimSpace(p.stderr()) == "" {
		t.Skipf("advice, rule P-1: without PONTOON_PLUGIN the program SHOULD end with exit code 64 and a sentence on standard error; "+
			"it ended with %d and wrote %q", code, p.stderr())
	}
}

// testHandshake: the line is what the table of the page says, and the socket can be reached
// as soon as it is there.
func testHandshake(t *testing.T, s *Subject) {
	checks(t, "P-2", "P-3", "P-5")
	p := startProcess(t, s, hosted("1"))
	line, ok := p.line(t)
	if !ok {
		t.Fatalf("no line on standard output; standard error has %q", p.stderr())
	}
	p.checkLine(t, line, "1")
	if err := p.dial(line); err != nil {
		t.Errorf("the line %q came before the socket takes connections: %v", line, err)
	}
}

// testOtherVersion: a host of another protocol version can name both in its error.
func testOtherVersion(t *testing.T, s *Subject) {
	checks(t, "P-3")
	p := startProcess(t, s, hosted("99"))
	line, ok := p.line(t)
	if !ok {
		t.Skip("advice: a plugin that speaks no version of its host SHOULD write a handshake line with its own")
	}
	p.checkLine(t, line, "1")
}

// testLifeline: the end of standard input is the end of the process.
func testLifeline(t *testing.T, s *Subject) {
	checks(t, "P-6")
	p := startProcess(t, s, hosted("1"))
	if _, ok := p.line(t); !ok {
		t.Fatalf("no line on standard output; standard error has %q", p.stderr())
	}
	p.closeStdin()
	if !p.endsWithin(lifelineTime) {
		t.Errorf("the process runs %v after the end of its standard input", lifelineTime)
	}
}

// testSignals: the signals of a terminal do not end a plugin.
func testSignals(t *testing.T, l *subjectLane) {
	checks(t, "P-7", "P-16")
	in := l.begin(t)
	defer in.Kill()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if err := syscall.Kill(in.PID(), signal); err != nil {
			t.Fatalf("%v: %v", signal, err)
		}
		pause.Until(in.Done(), signalTime)
		stays(t, in)
	}
}

// testStopped: a process that was stopped and goes on has lost nothing.
func testStopped(t *testing.T, l *subjectLane) {
	checks(t, "P-15", "P-16")
	in := l.begin(t)
	defer in.Kill()
	for range 20 {
		for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := syscall.Kill(in.PID(), signal); err != nil {
				t.Fatalf("%v: %v", signal, err)
			}
		}
		stays(t, in)
	}
}

// testShutdown: a plugin that is asked to end does so with code 0 and leaves no process.
func testShutdown(t *testing.T, l *subjectLane) {
	in := l.begin(t)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := in.Stop(ctx); err != nil {
		t.Errorf("rule P-6, see %s: the end that the host asked for: %v", protocolPage, err)
	}
	noneLeft(t, l)
}

// testRestarts: a plugin that is killed leaves no process, and nothing that keeps the next
// one from starting.
func testRestarts(t *testing.T, l *subjectLane, times int) {
	checks(t, "P-6", "P-8")
	for i := range times {
		in := l.begin(t)
		in.Kill()
		<-in.Done()
		if t.Failed() {
			t.Fatalf("start %d of %d", i+1, times)
		}
	}
	noneLeft(t, l)
}

// clearAway ends what a check has left in a directory for all its files: after an interrupt, for
// example, or of a plugin that ignores each word of its host.
func clearAway(dir string) {
	for _, pid := range processesWith(dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	os.RemoveAll(dir)
}

// noneLeft fails the test if a process still runs that a plugin of the lane has started.
func noneLeft(t *testing.T, l *subjectLane) {
	t.Helper()
	deadline := time.Now().Add(lifelineTime)
	for {
		left := processesWith(l.dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("rule P-6, see %s: processes are left: %v", protocolPage, left)
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
		pause.For(context.Background(), 10*time.Millisecond)
	}
}

// stays fails the test if the plugin has ended, or does not answer on its session.
func stays(t *testing.T, in *catalog.Instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lifelineTime)
	defer cancel()
	if _, err := in.Metrics(ctx); err != nil {
		t.Errorf("the session: %v", err)
	}
	if pause.Over(in.Done()) {
		t.Fatalf("the plugin has ended: %v", in.Err())
	}
}
