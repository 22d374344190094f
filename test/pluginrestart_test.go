//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// restartPlugin runs plugin restart for a node.
func (n *node) restartPlugin(kind string) { n.t.Helper(); n.replacePlugin("restart", kind) }

// replacePlugin runs plugin restart or upgrade for a node, which has to succeed, and checks
// that the next process serves.
func (n *node) replacePlugin(command, kind string, args ...string) {
	n.t.Helper()
	before := n.plugin(kind)
	var now struct {
		PID        int32  `json:"pid"`
		State      string `json:"state"`
		Generation uint32 `json:"generation"`
	}
	out := (&cluster{t: n.t, nodes: []*node{n}}).command(append([]string{"plugin", command, kind, "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &now); err != nil {
		n.t.Fatal(err)
	}
	if now.State != "ready" || now.PID == before.GetPid() || now.Generation != before.GetGeneration()+1 {
		n.t.Errorf("%s of %s: %s after %v", kind, n.name, out, before)
	}
	if got, want := n.plugin(kind).GetLastExit(), fmt.Sprintf("pid %d: ended as it was asked to", before.GetPid()); got != want {
		n.t.Errorf("%s of %s: last exit %q, want %q", kind, n.name, got, want)
	}
}

// All plugins of all members are restarted one after the other under load: no write is
// lost or done twice, and no restart of a state machine or a transport makes the members
// vote. A storage restart of the leader hands the leadership over.
func TestPluginsAreRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	startCluster(t).replaceAll(func(n *node, kind string) { n.restartPlugin(kind) })
}

// replaceAll replaces each plugin of each member under load, and stops the cluster.
func (c *cluster) replaceAll(replace func(n *node, kind string)) {
	t := c.t
	t.Helper()
	load := startWorkload(t, c.nodes...)
	load.progress(200)
	for _, kind := range []string{"statemachine", "transport"} {
		term := c.term()
		for _, n := range c.nodes {
			load.pauses.take()
			replace(n, kind)
			n.awaitReady()
			load.progress(100)
			t.Logf("%s of %s: longest pause of all writes %v", kind, n.name, load.pauses.take())
		}
		if now := c.term(); now != term {
			t.Errorf("the restarts of the %s plugins led from term %d to %d", kind, term, now)
		}
	}
	for _, n := range c.nodes {
		st, _ := n.status()
		load.pauses.take()
		replace(n, "storage")
		if handed := strings.Count(n.host.Log(), "leadership handed over"); st.GetRole() == "leader" && handed == 0 {
			t.Errorf("%s led, and its storage was restarted without a hand-over", n.name)
		}
		n.awaitReady()
		load.progress(100)
		t.Logf("storage of %s, a %s: longest pause of all writes %v", n.name, st.GetRole(), load.pauses.take())
	}
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}

// term is the highest term of the members.
func (c *cluster) term() (term uint64) {
	for _, n := range c.nodes {
		st, _ := n.status()
		term = max(term, st.GetTerm())
	}
	return term
}

// A new process that is refused does nothing to the one that runs.
func TestARefusedProcessLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "counter")
	raw, err := os.ReadFile(counterProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o700); err != nil {
		t.Fatal(err)
	}
	n := newSingle(t)
	n.external(path, sumOf(t, path))
	n.startReady()
	before := n.plugin("statemachine")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(raw, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := hostCommand(t, "plugin", "restart", "statemachine", "--endpoints", n.client).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "sha256") || !strings.Contains(string(out), "goes on") {
		t.Errorf("another file: %v\n%s", err, out)
	}
	if now := n.plugin("statemachine"); now.GetPid() != before.GetPid() || now.GetState() != "ready" || now.GetGeneration() != 1 {
		t.Errorf("the old one does not go on: %v, before %v", now, before)
	}
	n.awaitReady()
	n.stop()
}

// A new process that does not apply what the cluster's commands are by now would end its
// host: it is refused, and the old one goes on.
func TestAProcessThatAppliesOtherCommandsIsRefused(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	dir := t.TempDir()
	which, script := filepath.Join(dir, "which"), filepath.Join(dir, "counter")
	for path, text := range map[string]string{
		which: programs.counterNext.Path(t), script: fmt.Sprintf("#!/bin/sh\nexec \"$(cat %s)\"\n", which),
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n.external(script, sumOf(t, script))
	n.startReady()
	c := &cluster{t: t, nodes: []*node{n}}
	c.awaitCommandVersion(1)
	before := n.plugin("statemachine")
	if err := os.WriteFile(which, []byte(programs.counter.Path(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := hostCommand(t, "plugin", "restart", "statemachine", "--endpoints", n.client).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the cluster is at command version 1, and the new process applies 0: the old one goes on") {
		t.Errorf("%v\n%s", err, out)
	}
	if now := n.plugin("statemachine"); now.GetPid() != before.GetPid() || now.GetState() != "ready" {
		t.Errorf("the old one does not go on: %v, before %v", now, before)
	}
	n.stop()
}

// A client that goes while the old process is being closed takes nothing with it: the
// process that was prepared is the next one.
func TestARestartGoesOnWithoutItsClient(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.settings = []string{"raft.tick=100ms", "raft.election=3s"} // so that no probe finds the plugin before the restart does
	n.startReady()
	n.awaitLevel()
	told := -1.0 // the transport is not being told its peers, which would wait for an answer before the restart
	n.await("to have told the transport its peers", func() bool {
		before := told
		told = n.metric(`pontoon_plugin_call_duration_seconds_count\{kind="transport",method="SetPeers"\}`)
		return told > 0 && told == before
	})
	old := n.signalPlugin("transport", syscall.SIGSTOP) // so that its Close takes a while
	known := map[int]bool{}
	for _, p := range live.ChildrenOf(n.host.PID()) {
		known[p.PID] = true
	}
	asked := hostCommand(t, "plugin", "restart", "transport", "--endpoints", n.client)
	if err := asked.Start(); err != nil {
		t.Fatal(err)
	}
	n.await("to close the old process", func() bool { return strings.Contains(n.host.Log(), "the transport is restarted as asked") })
	var prepared int32
	for _, p := range live.ChildrenOf(n.host.PID()) {
		if !known[p.PID] {
			prepared = int32(p.PID)
		}
	}
	_ = asked.Process.Kill()
	_ = asked.Wait()
	n.await("to have the next process serve", func() bool {
		st := n.plugin("transport")
		return st.GetState() == "ready" && st.GetPid() != old.GetPid()
	})
	if now := n.plugin("transport"); prepared == 0 || now.GetPid() != prepared {
		t.Errorf("pid %d serves, and %d was prepared", now.GetPid(), prepared)
	}
	n.stop()
}
