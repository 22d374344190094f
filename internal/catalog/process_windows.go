package catalog

import (
	"os"
	"os/exec"
	"syscall"
)

// There are no process groups to kill here: a plugin's own children end by
// themselves or not at all.
func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) { _ = p.Kill() }

func askForDump(*os.Process) {}

func reap(cmd *exec.Cmd, ended func()) error {
	err := cmd.Wait()
	ended()
	return err
}

func exitStatus(state *os.ProcessState) (int, syscall.Signal) { return state.ExitCode(), 0 }

// suspended: unknown here.
func suspended(int) bool { return false }

// activityOf: unknown here.
func activityOf(int) activity { return activity{} }

// ending: unknown here.
func ending(int) bool { return false }
