//go:build unix

package catalog

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts the child into a process group of its own: a terminal's
// interrupt does not reach it, and killGroup reaches what it started.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithHost(cmd.SysProcAttr)
}

// killGroup sends SIGKILL to the process and to its group. The caller
// guarantees that the process was not reaped yet, so that its pid and with it
// the group's id cannot have been given to another process.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	// In case the process has moved itself to another group.
	_ = syscall.Kill(p.Pid, syscall.SIGKILL)
}

// askForDump sends SIGQUIT, upon which a Go program writes the stacks of all
// its goroutines to standard error and exits.
func askForDump(p *os.Process) { _ = syscall.Kill(p.Pid, syscall.SIGQUIT) }

// exitStatus returns the exit code, or -1 and the signal that ended the
// process.
func exitStatus(state *os.ProcessState) (int, syscall.Signal) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -1, status.Signal()
	}
	return state.ExitCode(), 0
}
