//go:build linux

package e2e

import (
	"strings"
	"syscall"
	"testing"
)

// A host whose plugins all stand still at once stops within the same five seconds
// as any other, names each of them, and leaves nothing.
func TestA5SeveralHungPluginsShareOneBudget(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.settings = []string{"raft.tick=100ms", "raft.election=3s"} // so that no probe finds the plugins before the stop does
	n.startReady()
	load := startWorkload(t, n)
	load.progress(10)
	for _, kind := range []string{"storage", "transport", "statemachine"} {
		n.signalPlugin(kind, syscall.SIGSTOP)
	}
	n.host.Signal(t, syscall.SIGTERM)
	if code := n.host.ExitsWithin(t, stopTime); code == 0 {
		t.Error("a stop that was forced has exit code 0")
	}
	n.leftNothing()
	last := n.host.LastLines(20)
	for _, culprit := range []string{"statemachine(kv)", "transport(http)", "storage(wal)"} {
		if !strings.Contains(last, culprit) {
			t.Errorf("the error of the stop does not name %s:\n%s", culprit, last)
		}
	}
	n.startReady()
	load.progress(1)
	load.stop()
	load.history.Check(t, n.state(0))
	n.stop()
}
