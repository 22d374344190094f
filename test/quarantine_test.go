//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

// plugged puts a plugin file of its own in the place of a node's state machine, and of the
// one that it had before. The repaired version of the plugin can bear every command.
func (n *node) plugged(repaired bool) {
	n.t.Helper()
	own, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	file := n.file("machine")
	before := "    name: kv"
	if _, err := os.Stat(file); err == nil {
		before = "    sha256: " + sumOf(n.t, file)
	}
	n.write(file, fmt.Sprintf("#!/bin/sh\n%s=%v exec %q plugin-serve statemachine %s\n", frailRepaired, repaired, own, frailName))
	if err := os.Chmod(file, 0o700); err != nil {
		n.t.Fatal(err)
	}
	sum := "    sha256: " + sumOf(n.t, file)
	if strings.HasPrefix(before, "    name") {
		sum = fmt.Sprintf("    command: [%q]\n%s", file, sum)
	}
	n.rewrite(before, sum)
}

// A5: a command on which every member's state machine panics ends no host. Each member is
// quarantined over that entry, and says so wherever it is asked; the cluster has a leader,
// and refuses what it cannot answer. When the plugin file is replaced and the hosts are
// restarted one after the other, the command is applied, and nothing is lost.
func TestA5APoisonedEntryEndsNoHost(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, n := range c.nodes {
		n.plugged(false)
	}
	c.start()
	leader := c.leader()
	if _, err := leader.dial().Propose(context.Background(), []byte("bearable")); err != nil {
		t.Fatal(err)
	}
	leader.leaveBehind("panic")
	var index uint64
	for _, n := range c.nodes {
		n.await("to be quarantined", func() bool {
			st, ok := n.status()
			index = st.GetQuarantine().GetIndex()
			return ok && index > 0
		})
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("panic")))
	for _, n := range c.nodes {
		n.saysQuarantined(index, sum)
	}
	var all statusJSON
	decode(t, c.command("status", "-o", "json"), &all)
	for _, m := range all.Members {
		if m.Quarantine == nil || m.Quarantine.Index != index || m.Quarantine.SHA256 != sum || m.Quarantine.Bytes != 5 || m.Quarantine.Tries < 3 {
			t.Errorf("host status says of %s: %+v", m.Name, m.Quarantine)
		}
	}
	if reason, err := c.leader().proposeOnce([]byte("refused")); reason != "quarantined" || !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", index)) {
		t.Errorf("a proposal ended with %q, %v", reason, err)
	}
	for _, n := range c.nodes {
		n.stop()
		n.plugged(true)
		n.startReady()
	}
	c.leader()
	if _, err := c.nodes[0].dial().Propose(context.Background(), []byte("after")); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		if got := n.ask("count"); got != "3" {
			t.Errorf("%s has applied %s commands, want 3", n.name, got)
		}
	}
	c.stop()
}

// saysQuarantined checks what a quarantined node says by each of its ways.
func (n *node) saysQuarantined(index uint64, sum string) {
	n.t.Helper()
	st, _ := n.status()
	if q := st.GetQuarantine(); q.GetIndex() != index || q.GetSha256() != sum || q.GetTries() < 3 || !strings.Contains(q.GetLastWords(), "panic: "+lastWords) {
		n.t.Errorf("the status of %s says %v", n.name, q)
	}
	if code, body, err := n.get(n.admin, "/readyz"); err != nil || code == 200 || !strings.Contains(body, fmt.Sprintf("quarantined: entry %d ", index)) {
		n.t.Errorf("/readyz of %s says %d %s, %v", n.name, code, body, err)
	}
	if code, _, err := n.get(n.admin, "/livez"); err != nil || code != 200 {
		n.t.Errorf("/livez of %s says %d, %v", n.name, code, err)
	}
	if got := n.metric("pontoon_quarantined_index"); got != float64(index) {
		n.t.Errorf("the metric of %s says %v", n.name, got)
	}
	if !saysInOneLine(n.host.Log(), "this member is quarantined", fmt.Sprint(index), sum, lastWords) {
		n.t.Errorf("the log of %s does not say it:\n%s", n.name, n.host.LastLines(30))
	}
}
