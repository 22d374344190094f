//go:build linux

package live

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

// A Host is one run of the host program that serves. It ends with this
// process at the latest, however that ends: its standard input ends then.
type Host struct {
	Cmd *exec.Cmd

	lifeline io.Closer
	exited   chan struct{} // closed when it is reaped
	logPath  string
	logStart int64 // where this run's part of the log begins
}

// StartHost runs "host serve" with what it logs appended to a file.
func StartHost(t testing.TB, program, logPath string, args ...string) *Host {
	t.Helper()
	log := OpenLog(t, logPath)
	defer log.Close()
	return StartHostInto(t, program, logPath, log, args...)
}

// OpenLog opens a file to which a host appends what it logs.
func OpenLog(t testing.TB, path string) *os.File {
	t.Helper()
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// StartHostInto runs "host serve" with what it logs going to log, which may be
// something else than the file at logPath.
func StartHostInto(t testing.TB, program, logPath string, log *os.File, args ...string) *Host {
	t.Helper()
	return StartServing(t, logPath, ServeCommand(program, log, args...))
}

// ServeCommand prepares "host serve" with what it logs going to log.
func ServeCommand(program string, log *os.File, args ...string) *exec.Cmd {
	cmd := Command(program, append([]string{"serve", "--stop-on-stdin-eof"}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// StartServing starts a command that ServeCommand has made.
func StartServing(t testing.TB, logPath string, cmd *exec.Cmd) *Host {
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
	p := &Host{Cmd: cmd, lifeline: lifeline, exited: make(chan struct{}), logPath: logPath, logStart: start}
	go func() {
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() { p.Kill(t) })
	return p
}

// Command prepares the host program, without settings from this process's
// environment, as the leader of a session: processes that it leaves are found
// by that.
func Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PONTOON_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// PID is the number of the process.
func (p *Host) PID() int { return p.Cmd.Process.Pid }

// Running reports whether the host has not ended.
func (p *Host) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Signal sends sig; a process that has ended does not mind.
func (p *Host) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.Cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signal %v to host %d: %v", sig, p.PID(), err)
	}
}

// Kill is kill -9; it returns when the host is reaped.
func (p *Host) Kill(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	<-p.exited
	p.lifeline.Close()
}

// ExitsWithin waits for the end and returns the exit code, -1 for a signal.
func (p *Host) ExitsWithin(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("host %d did not end within %v; its processes: %v\n%s", p.PID(), limit, SessionOf(p.PID()), p.LastLines(40))
	}
	p.lifeline.Close()
	return p.Cmd.ProcessState.ExitCode()
}

// Left are the processes that the host has left behind.
func (p *Host) Left() []Process { return SessionOf(p.PID()) }

// Log is what this run has logged so far.
func (p *Host) Log() string {
	raw, err := os.ReadFile(p.logPath)
	if err != nil || int64(len(raw)) < p.logStart {
		return fmt.Sprint(err)
	}
	return string(raw[p.logStart:])
}

// LastLines is the end of that.
func (p *Host) LastLines(most int) string {
	lines := strings.Split(strings.TrimSpace(p.Log()), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
