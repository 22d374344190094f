//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A cluster is made of the files in a directory of configs, with free ports.
type cluster struct {
	t     testing.TB
	nodes []*node
}

// newCluster makes the three nodes of configs/local3 and starts none.
func newCluster(t testing.TB) *cluster {
	t.Helper()
	return newClusterOf(t, "local3", "n")
}

// newClusterOf makes three nodes of the files in that directory, whose names
// begin with prefix, and starts none. The texts in replace are replaced in
// them.
func newClusterOf(t testing.TB, examples, prefix string, replace ...string) *cluster {
	t.Helper()
	c := &cluster{t: t}
	addresses := map[string]string{}
	for _, service := range []int{74, 75, 76} {
		for i := 1; i <= 3; i++ {
			old := fmt.Sprintf("127.0.0.1:%d0%d", service, i)
			addresses[old] = freeAddress(t)
			replace = append(replace, old, addresses[old])
		}
	}
	for i := 1; i <= 3; i++ {
		name := fmt.Sprintf("%s%d", prefix, i)
		n := newNode(t, name, filepath.Join(examples, name+".yaml"), strings.NewReplacer(replace...))
		n.client = addresses[fmt.Sprintf("127.0.0.1:740%d", i)]
		n.peer = addresses[fmt.Sprintf("127.0.0.1:750%d", i)]
		n.admin = addresses[fmt.Sprintf("127.0.0.1:760%d", i)]
		c.nodes = append(c.nodes, n)
	}
	return c
}

// startCluster starts three nodes, each with the given settings.
func startCluster(t testing.TB, settings ...string) *cluster {
	t.Helper()
	c := newCluster(t)
	for _, n := range c.nodes {
		n.settings = settings
	}
	c.start()
	return c
}

// start starts every node and waits until all serve.
func (c *cluster) start() {
	c.t.Helper()
	for _, n := range c.nodes {
		n.start()
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
}

// stop stops every node in turn and checks that nothing is left.
func (c *cluster) stop() {
	c.t.Helper()
	for _, n := range c.nodes {
		n.stop()
	}
}

// leader waits until all nodes that run follow one leader, and returns it.
func (c *cluster) leader() *node {
	c.t.Helper()
	var leader *node
	eventually(c.t, "one leader that all follow", func() bool {
		ids := map[string]bool{}
		leader = nil
		for _, n := range c.nodes {
			if n.host == nil || !n.host.Running() {
				continue
			}
			st, ok := n.status()
			if !ok || st.GetLeader() == "" {
				return false
			}
			ids[st.GetLeader()] = true
			if st.GetRole() == "leader" {
				leader = n
			}
		}
		return leader != nil && len(ids) == 1
	})
	return leader
}

// follower returns a node that does not lead.
func (c *cluster) follower() *node {
	c.t.Helper()
	return c.others(c.leader())[0]
}

func (c *cluster) others(not *node) []*node {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(n *node) bool { return n == not })
}

func (c *cluster) endpoints() string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.client)
	}
	return strings.Join(all, ",")
}

// newSingle makes a node from configs/single.yaml and does not start it.
func newSingle(t testing.TB) *node {
	t.Helper()
	client, peer, admin := freeAddress(t), freeAddress(t), freeAddress(t)
	n := newNode(t, "single", "single.yaml", strings.NewReplacer(
		"127.0.0.1:7401", client, "127.0.0.1:7501", peer, "127.0.0.1:7601", admin))
	n.client, n.peer, n.admin = client, peer, admin
	return n
}

// dirSize is how many bytes the files below a directory have.
func dirSize(t testing.TB, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
