//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// warns tells whether the node's status has a warning with that reason.
func (n *node) warns(reason string) bool {
	st, ok := n.status()
	if !ok {
		return false
	}
	for _, w := range st.GetWarnings() {
		if w.GetReason() == reason {
			return true
		}
	}
	return false
}

// clone makes a second host for the member on a copy of its data, which stands
// still.
func (n *node) clone() *node {
	n.t.Helper()
	dir := n.t.TempDir()
	twin := &node{
		t: n.t, program: n.program, name: n.name + "-copy", client: freeAddress(n.t), peer: freeAddress(n.t), admin: freeAddress(n.t),
		config: n.config, data: filepath.Join(dir, "data"), runtime: n.runtime + "-copy", logPath: filepath.Join(dir, "log"),
	}
	n.t.Cleanup(func() {
		if n.t.Failed() && twin.host != nil {
			n.t.Logf("the log of the copy ends with:\n%s", twin.host.LastLines(60))
		}
		os.RemoveAll(twin.runtime)
	})
	twin.settings = append([]string{
		"api.listen=" + twin.client, "admin.listen=" + twin.admin, "plugins.transport.listen=" + twin.peer,
	}, n.settings...)
	if err := os.CopyFS(twin.data, os.DirFS(n.data)); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Chmod(twin.data, 0o700); err != nil {
		n.t.Fatal(err)
	}
	return twin
}

// mostOfAFight is how many lines of warnings two processes of one member may
// cost a log, whatever they do.
const mostOfAFight = 20

// awaitLevel waits until the cluster is at the highest feature level that the member
// understands, as far as the member knows.
func (n *node) awaitLevel() {
	n.t.Helper()
	eventually(n.t, n.name+" at the highest level", func() bool {
		st, ok := n.status()
		return ok && st.GetLevel() == st.GetLevelUnderstood()
	})
}

// warningsOf are the lines of a log that say that something is wrong.
func warningsOf(log string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "WARN") || strings.Contains(line, "ERROR") {
			lines = append(lines, line)
		}
	}
	return lines
}

// lacks tells whether the host has ended as one that lacks an entry.
func (n *node) lacks() bool {
	n.t.Helper()
	if n.host.Running() {
		return false
	}
	if code := n.host.Cmd.ProcessState.ExitCode(); code != exitNotMember || !strings.Contains(n.host.Log(), "delete the copy") {
		n.t.Fatalf("%s ended with %d\n%s", n.name, code, n.host.LastLines(5))
	}
	return true
}

// A data directory is copied and a second host started on the copy, while there are
// no writes: the member is served by two processes that have the same. The others
// say so, take the word of neither, and serve on; "status --check" fails. No log is
// filled with it, however long the two fight. When the copy has ended, all is well
// again after a while.
func TestTwoHostsOnOneClonedDirectory(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "raft.tick=20ms", "raft.election=200ms")
	put(t, c.nodes[0], "before")
	n := c.follower()
	n.awaitLevel() // a raise is a write, too
	others := c.others(n)
	var twin *node
	eventually(t, "the others to name the member that is doubled", func() bool {
		// A check of the state is an entry, too, and follows the start of a member. A copy
		// that was made before it lacks it and ends: another one is made.
		if twin == nil || twin.lacks() {
			n.stop()
			twin = n.clone()
			n.startReady()
			twin.start()
		}
		return slices.ContainsFunc(others, func(o *node) bool { return o.warns(server.WarnDoubled) })
	})
	if hostCommand(t, "status", "--check", "--endpoints", c.endpoints()).Run() == nil {
		t.Error("status --check finds nothing")
	}
	if logs := others[0].host.Log() + others[1].host.Log(); !strings.Contains(logs, "two processes serve member") {
		t.Error("no log says that two processes serve one member")
	}
	for range 100 { // the fight goes on
		put(t, others[0], "meanwhile")
	}
	for _, one := range append(others, n, twin) {
		lines := warningsOf(one.host.Log())
		if len(lines) > mostOfAFight || strings.Count(one.host.Log(), "peer is reachable") > mostOfAFight {
			t.Errorf("%s has %d lines of warnings:\n%s", one.name, len(lines), strings.Join(lines, ""))
		}
	}
	twin.host.Kill(t)
	put(t, others[0], "by the others")
	c.checked(t)
	put(t, n, "afterwards")
	c.stop()
}

// The same while clients write: the others say that there are two, or the one
// of the two that lacks what the leader counts on ends for good, with the exit
// code that says so. The cluster takes writes all the time.
func TestACopyOfADirectoryWhileClientsWrite(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	put(t, c.nodes[0], "before")
	n := c.follower()
	others := c.others(n)
	n.stop()
	twin := n.clone()
	n.startReady()
	for range 10 {
		put(t, others[0], "what the copy does not have")
	}
	twin.start()
	eventually(t, "the two to be noticed", func() bool {
		put(t, others[0], "meanwhile")
		for _, one := range []*node{n, twin} {
			if one.lacks() {
				return true
			}
		}
		return slices.ContainsFunc(others, func(o *node) bool { return o.warns(server.WarnDoubled) })
	})
	put(t, others[1], "afterwards")
}
