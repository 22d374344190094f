package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithHost makes the kernel kill the child when the thread that started it
// ends, which is why that goroutine stays locked to its thread until the child
// is gone (Go issue 27505).
func dieWithHost(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// reap waits until the process has ended, calls ended while its pid is still
// taken, so that its group can be named safely, and only then reaps it.
func reap(cmd *exec.Cmd, ended func()) error {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	ended()
	return cmd.Wait()
}

// suspended reports whether a signal has stopped the process.
func suspended(pid int) bool { return isStopped(statFields(pid)) }

func isStopped(fields [][]byte) bool {
	return len(fields) > 0 && (fields[0][0] == 'T' || fields[0][0] == 't')
}

// activityOf is what /proc says of a process.
func activityOf(pid int) activity {
	fields := statFields(pid)
	a := activity{suspended: isStopped(fields)}
	if len(fields) > stimeField {
		for _, field := range [][]byte{fields[utimeField], fields[stimeField]} {
			ticks, _ := strconv.ParseUint(string(field), 10, 64) // a field that is not a number counts as none
			a.cpu += ticks
		}
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is right
	for _, path := range threads {
		if fields := statFieldsOf(path); len(fields) > 0 && (fields[0][0] == 'R' || fields[0][0] == 'D') {
			a.runnable = true
		}
	}
	return a
}

// utimeField and stimeField are where stat has the time that a process has used,
// counted from the state on.
const utimeField, stimeField = 11, 12

// The marks in /proc of a process that is about to end.
const (
	// exitingFlag is PF_EXITING of the kernel's linux/sched.h; flagsField is where
	// the flags stand in stat, counted from the state on.
	exitingFlag, flagsField = 0x4, 6
	// pendingKill is SIGKILL in the sets of pending signals in status.
	pendingKill = 1 << (syscall.SIGKILL - 1)
)

// ending tells whether the process, a child that is not reaped, has ended, is
// exiting, or has been sent SIGKILL: the kernel keeps that signal pending until
// the process is reaped. The cause of its end lies in the past then: no signal
// from now on changes it.
func ending(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	if err == nil && info.Signo != 0 {
		return true
	}
	return isExiting(pid) || hasPendingKill(pid)
}

func isExiting(pid int) bool {
	fields := statFields(pid)
	if len(fields) <= flagsField {
		return false
	}
	flags, err := strconv.ParseUint(string(fields[flagsField]), 10, 64)
	return err == nil && flags&exitingFlag != 0
}

func hasPendingKill(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "SigPnd" && string(name) != "ShdPnd" {
			continue
		}
		set, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
		if err == nil && set&pendingKill != 0 {
			return true
		}
	}
	return false
}

// statFields are those of /proc/<pid>/stat from the state on; nil if it cannot
// be read.
func statFields(pid int) [][]byte { return statFieldsOf(fmt.Sprintf("/proc/%d/stat", pid)) }

func statFieldsOf(path string) [][]byte {
	stat, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	// "pid (name) S …": the name may contain anything.
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
}
