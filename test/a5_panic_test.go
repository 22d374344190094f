//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// panicReported is how long a host may take to say why its state machine has ended.
const panicReported = 2 * time.Second

// A panic in Apply is in the host's log in the plugin's own words, as the cause of
// the end of a named process, and does not wait for a stop.
func TestA5APanicInApplyIsReportedInThePluginsWords(t *testing.T) {
	t.Parallel()
	n := startFrail(t)
	pid := n.plugin("statemachine").GetPid()
	n.leaveBehind("panic")
	within := time.After(panicReported)
	for !reportsPanic(n.host.Log(), pid) {
		select {
		case <-within:
			t.Fatalf("%v after the command the host does not say how process %d ended:\n%s", panicReported, pid, n.host.LastLines(20))
		case <-time.After(5 * time.Millisecond):
		}
	}
	n.kill()
}

// reportsPanic tells whether one line names the process, how it ended, and its own
// words.
func reportsPanic(log string, pid int32) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, fmt.Sprintf("statemachine plugin frail (pid %d): exited with code 2", pid)) && strings.Contains(line, "panic: "+lastWords) {
			return true
		}
	}
	return false
}
