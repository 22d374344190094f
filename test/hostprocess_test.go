//go:build linux

package e2e

import (
	"os/exec"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// hostCommand prepares the host program.
func hostCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return live.Command(hostProgram(t), args...)
}
