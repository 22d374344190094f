//go:build linux

package e2e

import (
	"os/exec"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// startHost runs "host serve" with what it logs appended to a file.
func startHost(t testing.TB, logPath string, args ...string) *live.Host {
	t.Helper()
	return live.StartHost(t, hostProgram(t), logPath, args...)
}

// hostCommand prepares the host program.
func hostCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return live.Command(hostProgram(t), args...)
}
