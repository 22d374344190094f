//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// panicReported is how long a host may take to say why its state machine has ended.
const panicReported = 2 * time.Second

// A5: a state machine that panics or exits in Apply is in the host's log in the
// plugin's own words, as the cause of the end of a named process, and does not wait for
// a stop. The host starts another process of it, and does not end however often that happens
// (TestA5APoisonedEntryEndsNoHost).
func TestA5APanicInApplyIsReportedInThePluginsWords(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		command string
		code    int
		words   string
	}{{"panic", 2, "panic: " + lastWords}, {"exit", 3, lastWords}} {
		t.Run(x.command, func(t *testing.T) {
			n := startFrail(t)
			pid := n.plugin("statemachine").GetPid()
			n.leaveBehind(x.command)
			ended := fmt.Sprintf("statemachine plugin frail (pid %d): exited with code %d", pid, x.code)
			within := time.After(panicReported)
			for !saysInOneLine(n.host.Log(), ended, x.words) {
				select {
				case <-within:
					t.Fatalf("%v after the command the host does not say how process %d ended:\n%s", panicReported, pid, n.host.LastLines(20))
				case <-time.After(5 * time.Millisecond):
				}
			}
			n.kill()
		})
	}
}

// saysInOneLine tells whether one line of a log has all these texts.
func saysInOneLine(log string, texts ...string) bool {
	for line := range strings.Lines(log) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return true
		}
	}
	return false
}
