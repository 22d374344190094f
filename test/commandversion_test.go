//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// upgrades gives a node that is stopped the other build of its state machine.
func (n *node) upgrades(from, to live.Program) {
	n.t.Helper()
	settings := func(p live.Program) string {
		path := p.Path(n.t)
		return executable(path, sumOf(n.t, path))
	}
	n.rewrite(settings(from), settings(to))
}

// commandVersion is the version of commands as a node sees it, and the greatest that its
// state machine applies.
func (n *node) commandVersion() (cluster, greatest uint32) {
	st, _ := n.status()
	return st.GetCommandVersion(), st.GetCommandVersions().GetGreatest()
}

// awaitCommandVersion waits until all nodes are at a version of commands.
func (c *cluster) awaitCommandVersion(version uint32) {
	c.t.Helper()
	for _, n := range c.nodes {
		n.await(fmt.Sprintf("to be at command version %d", version), func() bool {
			got, _ := n.commandVersion()
			return got == version
		})
	}
}

// wipesMachine takes from a node all that its state machine has kept.
func (n *node) wipesMachine() {
	n.t.Helper()
	n.stop()
	if err := os.RemoveAll(filepath.Join(n.data, "statemachine")); err != nil {
		n.t.Fatal(err)
	}
	n.startReady()
}

// checkEqual stops the adder, whose additions count once or twice, and compares the nodes.
func (a *adder) checkEqual(c *cluster) {
	a.t.Helper()
	value := a.agreed(c)
	if acked, unknown := a.acked.Load(), a.unknown.Load(); value <= acked || value >= 2*(acked+unknown) {
		a.t.Errorf("the counter is %d after %d acknowledged additions and %d unknown, some of which count once and some twice", value, acked, unknown)
	}
}

// A new release of a state machine means something else with the same command. Its members
// are upgraded one after the other under writes; each release leads, and one member goes
// back to the old one while that lasts. All of them apply the old meaning until the last
// one is upgraded, and from one place in the log on the new one: also a member that replays
// the log across that place, and one that is restored from a snapshot. A member with the
// old release ends then, with a sentence, and goes on with the new one.
func TestARollingUpgradeChangesWhatACommandMeans(t *testing.T) {
	t.Parallel()
	old, next := programs.counter, programs.counterNext
	c := newCluster(t)
	for i, n := range c.nodes {
		n.external(old.Path(t), sumOf(t, old.Path(t)))
		if i < 2 { // the last one keeps its log, and replays all of it
			n.settings = []string{"raft.snapshot_entries=200", "raft.catch_up_entries=20"}
		}
	}
	c.start()
	load := startAdder(t, c.nodes)
	load.progress(100)
	for _, step := range []struct {
		node     *node
		from, to live.Program
	}{
		{c.nodes[0], old, next}, {c.nodes[1], old, next}, {c.nodes[0], next, old}, {c.nodes[2], old, next},
	} {
		step.node.stop()
		step.node.upgrades(step.from, step.to)
		step.node.startReady()
		for _, leader := range c.nodes {
			leader.takesOver(c)
			load.progress(30)
		}
		for _, n := range c.nodes {
			if got, greatest := n.commandVersion(); got != 0 {
				t.Fatalf("%s is at command version %d, its own state machine applies %d, and a member has the old release", n.name, got, greatest)
			}
		}
	}
	c.nodes[0].stop()
	c.nodes[0].upgrades(old, next)
	c.nodes[0].startReady()
	c.awaitCommandVersion(1)
	load.progress(300)

	c.nodes[2].awaitReplaced(c.nodes[2].signalPlugin("statemachine", syscall.SIGKILL))
	c.nodes[2].awaitReady()
	c.nodes[2].wipesMachine() // replays the log from its beginning
	c.nodes[1].wipesMachine() // is restored from a snapshot
	load.progress(100)

	n := c.follower()
	n.stop()
	n.upgrades(next, old)
	n.start()
	if code := n.host.ExitsWithin(t, patience); code != exitOlder {
		t.Errorf("the old release ended the host with exit code %d, want %d", code, exitOlder)
	}
	if want := `command version 1, and counter of version "1.0.0" applies 0`; !strings.Contains(n.host.LastLines(20), want) {
		t.Errorf("the host does not say %q:\n%s", want, n.host.LastLines(20))
	}
	n.leftNothing()
	load.progress(30)
	n.upgrades(old, next)
	n.startReady()
	load.progress(30)
	load.checkEqual(c)
	c.stop()
}
