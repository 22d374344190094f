//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// restartPlugin runs plugin restart for a node, which has to succeed, and checks that the
// next process serves.
func (n *node) restartPlugin(kind string) {
	n.t.Helper()
	before := n.plugin(kind)
	var now struct {
		PID        int32  `json:"pid"`
		State      string `json:"state"`
		Generation uint32 `json:"generation"`
	}
	out := (&cluster{t: n.t, nodes: []*node{n}}).command("plugin", "restart", kind, "-o", "json")
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
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(200)
	for _, kind := range []string{"statemachine", "transport"} {
		term := c.term()
		for _, n := range c.nodes {
			load.pauses.take()
			n.restartPlugin(kind)
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
		n.restartPlugin("storage")
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
