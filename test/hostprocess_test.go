//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A hostProcess is one run of the host program that serves. It ends with this
// process at the latest, however that ends: its standard input ends then.
type hostProcess struct {
	cmd      *exec.Cmd
	lifeline io.Closer
	exited   chan struct{} // closed when it is reaped
	logPath  string
	logStart int64 // where this run's part of the log begins
}

// startHost runs "host serve" with what it logs appended to a file.
func startHost(t testing.TB, logPath string, args ...string) *hostProcess {
	t.Helper()
	log := openLog(t, logPath)
	defer log.Close()
	return startHostInto(t, logPath, log, args...)
}

func openLog(t testing.TB, path string) *os.File {
	t.Helper()
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// startHostInto runs "host serve" with what it logs going to log, which may be
// something else than the file at logPath.
func startHostInto(t testing.TB, logPath string, log *os.File, args ...string) *hostProcess {
	t.Helper()
	return startServing(t, logPath, serveCommand(t, log, args...))
}

func serveCommand(t testing.TB, log *os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := hostCommand(t, append([]string{"serve", "--stop-on-stdin-eof"}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

func startServing(t testing.TB, logPath string, cmd *exec.Cmd) *hostProcess {
	t.Helper()
	var start int64
	if info, err := os.Stat(logPath); err == nil {
		start = info.Size()
	}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &hostProcess{cmd: cmd, lifeline: lifeline, exited: make(chan struct{}), logPath: logPath, logStart: start}
	go func() {
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() { p.kill(t) })
	return p
}

// hostCommand prepares the host program, without settings from this process's
// environment, as the leader of a session: what it leaves behind is found by
// that.
func hostCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(hostProgram(t), args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PONTOON_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func (p *hostProcess) pid() int { return p.cmd.Process.Pid }

func (p *hostProcess) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// signal sends sig; a process that has ended does not mind.
func (p *hostProcess) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signal %v to host %d: %v", sig, p.pid(), err)
	}
}

// kill is kill -9; it returns when the host is reaped.
func (p *hostProcess) kill(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	<-p.exited
	p.lifeline.Close()
}

// exitsWithin waits for the end and returns the exit code, -1 for a signal.
func (p *hostProcess) exitsWithin(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("host %d did not end within %v; its processes: %v\n%s", p.pid(), limit, sessionOf(p.pid()), p.lastLines(40))
	}
	p.lifeline.Close()
	return p.cmd.ProcessState.ExitCode()
}

// left are the processes that the host has left behind.
func (p *hostProcess) left() []procEntry { return sessionOf(p.pid()) }

// log is what this run has logged so far.
func (p *hostProcess) log() string {
	raw, err := os.ReadFile(p.logPath)
	if err != nil || int64(len(raw)) < p.logStart {
		return fmt.Sprint(err)
	}
	return string(raw[p.logStart:])
}

func (p *hostProcess) lastLines(most int) string {
	lines := strings.Split(strings.TrimSpace(p.log()), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
