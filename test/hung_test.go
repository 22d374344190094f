//go:build linux

package e2e

import (
	"syscall"
	"testing"
	"time"

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

// A stop is bounded while a plugin hangs, and leaves nothing.
func TestA5StopWithAHungPlugin(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			n := newSingle(t)
			n.startReady()
			load := startWorkload(t, n)
			load.progress(10)
			n.signalPlugin(kind, syscall.SIGSTOP)
			began := time.Now()
			n.host.Signal(t, syscall.SIGTERM)
			n.host.ExitsWithin(t, stopTime)
			t.Logf("stopped after %v: %v", time.Since(began).Round(time.Millisecond), n.host.Cmd.ProcessState)
			n.leftNothing()
			n.startReady()
			load.progress(1)
			load.stop()
			load.history.Check(t, n.state(0))
			n.stop()
		})
	}
}
