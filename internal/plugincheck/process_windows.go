package plugincheck

import (
	"os"
	"testing"
)

// withoutSignals skips a test of a process.
const withoutSignals = "this system has no signals and no process groups: the rules of processes are not checked"

func testHandshakes(t *testing.T, _ *Subject) {
	t.Run("Handshake", func(t *testing.T) { t.Skip(withoutSignals) })
}

func testProcess(t *testing.T, _ *subjectLane, _ Level) {
	t.Run("Signals", func(t *testing.T) { t.Skip(withoutSignals) })
}

// clearAway removes what a check has left in a directory for all its files.
func clearAway(dir string) { os.RemoveAll(dir) }
