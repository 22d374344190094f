//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a command of the host on the node's files and returns what it printed.
func (n *node) run(t *testing.T, args ...string) string {
	t.Helper()
	return programs.host.Does(t, args...)
}

// restore begins the node's data with an exported snapshot.
func (n *node) restore(t *testing.T, file string, more ...string) string {
	t.Helper()
	return n.run(t, append([]string{"snapshot", "restore", file, "--config", n.config, "--data-dir", n.data}, more...)...)
}

// snapshotOf is a cluster that serves, and the export of a snapshot of it that
// has the key "before".
func snapshotOf(t *testing.T) (live *cluster, file string) {
	t.Helper()
	live = startCluster(t, snapshotting()...)
	put(t, live.nodes[0], "before")
	load := startWorkload(t, live.nodes...)
	live.nodes[2].awaitSnapshots(2)
	load.stop()
	away := live.nodes[2]
	away.stop()
	file = filepath.Join(t.TempDir(), "backup")
	away.run(t, "snapshot", "export", "--data-dir", away.data, "--to", file)
	away.startReady()
	return live, file
}

// get is a key's value as "kv get" prints it; false if there is none.
func (c *cluster) get(t *testing.T, key string) (string, bool) {
	t.Helper()
	out, err := hostCommand(t, "kv", "get", key, "--endpoints", c.endpoints()).Output()
	return string(out), err == nil
}

// checked waits for a good verdict on the cluster.
func (c *cluster) checked(t *testing.T) {
	t.Helper()
	eventually(t, "a cluster without a fault", func() bool {
		return hostCommand(t, "status", "--check", "--endpoints", c.endpoints()).Run() == nil
	})
}

// A restored copy of a cluster, with the same cluster id and the same member ids,
// on other ports beside the live one: the snapshot has the live members' addresses,
// and the copy does not use them. Both serve, and what is written to one is never in the
// other.
func TestRestoreDrillBesideTheLiveCluster(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"TheSameClusterID": "", "AnotherClusterID": "d811"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live, file := snapshotOf(t)
			drill := newCluster(t)
			for _, n := range drill.nodes {
				if id == "" {
					n.restore(t, file)
					continue
				}
				n.rewrite("id: a3", "id: "+id)
				n.restore(t, file, "--new-cluster-id", id)
			}
			drill.start()
			if _, ok := drill.get(t, "before"); !ok {
				t.Fatal("the copy does not have what the snapshot had")
			}
			for range 20 {
				put(t, live.nodes[0], "live")
				put(t, drill.nodes[0], "drill")
			}
			if v, ok := live.get(t, "drill"); ok {
				t.Errorf("the live cluster has the copy's write %q", v)
			}
			if v, ok := drill.get(t, "live"); ok {
				t.Errorf("the copy has the live cluster's write %q", v)
			}
			live.checked(t)
			drill.checked(t)
			for _, n := range append(live.nodes, drill.nodes...) {
				if strings.Contains(n.host.Log(), "no connection with a peer") {
					t.Errorf("%s met a member of the other cluster:\n%s", n.name, n.host.LastLines(20))
				}
			}
			drill.stop()
			put(t, live.nodes[1], "after")
			live.checked(t)
			live.stop()
		})
	}
}

// Copies that were given the live members' addresses by mistake: none of them
// becomes ready, and the live cluster takes writes all the time and is sound afterwards.
func TestRestoredCopiesWithLiveAddressesAreRefused(t *testing.T) {
	t.Parallel()
	live, file := snapshotOf(t)
	var copies []*node
	for _, n := range live.nodes {
		dir := t.TempDir()
		c := &node{
			t: t, program: n.program, name: n.name, client: freeAddress(t), peer: freeAddress(t), admin: freeAddress(t),
			config: n.config, data: filepath.Join(dir, "data"), runtime: n.runtime + "-copy", logPath: filepath.Join(dir, "log"),
		}
		c.settings = []string{"api.listen=" + c.client, "admin.listen=" + c.admin, "plugins.transport.listen=" + c.peer}
		t.Cleanup(func() { os.RemoveAll(c.runtime) })
		c.restore(t, file)
		copies = append(copies, c)
	}
	for _, c := range copies {
		c.start()
	}
	eventually(t, "the copies to end or to be refused", func() bool {
		put(t, live.nodes[0], "meanwhile")
		for _, c := range copies {
			if code, _, err := c.get(c.admin, "/readyz"); err == nil && code == 200 {
				t.Fatalf("the copy of %s is ready", c.name)
			}
			if c.host.Running() && !strings.Contains(c.host.Log(), "no connection with a peer") {
				return false
			}
		}
		return true
	})
	for _, c := range copies {
		t.Logf("the copy of %s, running %v: %s", c.name, c.host.Running(), c.host.LastLines(1))
		if c.host.Running() {
			c.host.Kill(t)
		}
	}
	for _, n := range live.nodes {
		put(t, n, "afterwards")
	}
	live.checked(t)
	live.stop()
}
