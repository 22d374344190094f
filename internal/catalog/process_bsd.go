//go:build unix && !linux

package catalog

import (
	"os/exec"
	"syscall"
)

// dieWithHost: there is no parent-death signal here; the lifeline alone tells
// the plugin.
func dieWithHost(*syscall.SysProcAttr) {}

// reap reaps the process and then calls ended. The process's group is named a
// moment after its pid became free, which is a risk only if the system has gone
// through all pids meanwhile; there is no portable way to wait without reaping.
func reap(cmd *exec.Cmd, ended func()) error {
	err := cmd.Wait()
	ended()
	return err
}

// suspended: unknown here.
func suspended(int) bool { return false }

// activityOf: unknown here.
func activityOf(int) activity { return activity{} }

// ending: unknown here.
func ending(int) bool { return false }
