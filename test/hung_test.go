//go:build linux

package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A plugin that does not die but stops answering is found out and replaced, on
// a follower and on the leader; the cluster goes on.
func TestHungPluginIsReplaced(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(50)
	for _, kind := range kinds() {
		for _, n := range []*node{c.follower(), c.leader()} {
			pid := n.host.PID()
			before := n.signalPlugin(kind, syscall.SIGSTOP)
			load.progress(50)
			n.awaitReplaced(before)
			n.awaitReady()
			if p := live.Processes(func(p live.Process) bool { return p.PID == int(before.GetPid()) }); len(p) > 0 {
				t.Errorf("the hung %s of %s is still there: %v", kind, n.name, p)
			}
			if n.host.PID() != pid || !n.host.Running() {
				t.Fatalf("%s died of its hung %s", n.name, kind)
			}
			load.progress(50)
		}
	}
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}

// A5: a stop ends within five seconds while a plugin hangs, of whatever kind, with an
// error that names it, and leaves nothing.
func TestA5StopWithAHungPlugin(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			n := newSingle(t)
			n.settings = []string{"raft.tick=100ms", "raft.election=3s"} // so that no probe finds the plugin before the stop does
			n.startReady()
			load := startWorkload(t, n)
			load.progress(10)
			n.signalPlugin(kind, syscall.SIGSTOP)
			n.host.Signal(t, syscall.SIGTERM)
			if code := n.host.ExitsWithin(t, stopTime); code == 0 {
				t.Error("a stop that was forced has exit code 0")
			}
			n.leftNothing()
			culprit := map[string]string{"statemachine": "statemachine(kv)", "transport": "transport(http)", "storage": "storage(wal)"}[kind]
			if last := n.host.LastLines(20); !strings.Contains(last, culprit) {
				t.Errorf("the error of the stop does not name %s:\n%s", culprit, last)
			}
			n.startReady()
			load.progress(1)
			load.stop()
			load.history.Check(t, n.state(0))
			n.stop()
		})
	}
}
