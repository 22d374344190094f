//go:build linux

package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

const clusterID = "a3"

// A cluster is three members with shipped plugins in processes of their own, for some
// rows.
type cluster struct {
	shape
	members []*member
	certs   string // directory of the members' certificates
	rows    testing.TB
	way     way
}

// A lasting row starts what the rows after it use, too: a fault meanwhile is the
// row's failure, and cleaning up is for the end of all rows.
type lasting struct {
	testing.TB
	all testing.TB
}

// Cleanup implements testing.TB.
func (l lasting) Cleanup(f func()) { l.all.Cleanup(f) }

// startCluster founds a cluster and waits until all its members serve.
func startCluster(t testing.TB, s shape) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "hostile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &cluster{shape: s, certs: filepath.Join(dir, "certs")}
	c.openWay(t, dir)
	for id := uint64(1); id <= 3; id++ {
		c.members = append(c.members, &member{
			way: &c.way, id: id, dir: filepath.Join(dir, fmt.Sprint(id)),
			client: live.FreeAddress(t, &ports), peer: live.FreeAddress(t, &ports), admin: live.FreeAddress(t, &ports),
		})
	}
	if c.secured {
		host.Does(t, "cert", "init", "--dir", c.certs, "--cluster", clusterID, "--members", "n1=1,n2=2,n3=3")
	}
	for _, m := range c.members {
		if err := os.Mkdir(m.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.configFile(), []byte(c.config(m)), 0o600); err != nil {
			t.Fatal(err)
		}
		m.start(t)
	}
	c.settle(t)
	return c
}

// config is a member's file.
func (c *cluster) config(m *member) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node: {id: %d}\ncluster:\n  id: %s\n  state: new\n  members:\n", m.id, clusterID)
	scheme, secrets := c.transport, ""
	if c.secured {
		at := func(file string) string { return filepath.Join(c.certs, file) }
		name := fmt.Sprint("n", m.id)
		scheme = map[string]string{"http": "https", "quic": "quic"}[c.transport]
		secrets = fmt.Sprintf(", config: {tls: {cert: %q, key: %q, ca: %q}}", at(name+".crt"), at(name+".key"), at("ca.crt"))
	}
	for _, o := range c.members {
		fmt.Fprintf(&b, "    - {id: %d, name: n%d, peer_urls: [\"%s://%s\"], client_address: %q}\n", o.id, o.id, scheme, o.peer, o.client)
	}
	api, admin := c.way.settings()
	fmt.Fprintf(&b, "raft: {tick: 100ms, election: 1s}\napi: {listen: %q%s}\nadmin: {listen: %q%s}\nlog: {format: json}\n", m.client, api, m.admin, admin)
	fmt.Fprintf(&b, "plugins:\n  transport: {name: %s, listen: %q%s}\n  storage: {name: wal}\n  statemachine: {name: kv}\n", c.transport, m.peer, secrets)
	return b.String()
}

// settle waits until all members are ready and follow one leader in one term.
func (c *cluster) settle(t testing.TB) {
	t.Helper()
	live.Eventually(t, "three members that are ready and follow one leader", func() bool {
		for _, m := range c.members {
			if !m.host.Running() {
				t.Fatalf("member %d ended with %v\n%s", m.id, m.host.Cmd.ProcessState, m.host.LastLines(40))
			}
			if !m.ready() {
				return false
			}
		}
		return c.leader() != nil
	})
}

// leader is the one that all members follow in one term, nil if there is none.
func (c *cluster) leader() *member {
	var leader *member
	var seen []string
	for _, m := range c.members {
		st := m.status()
		if st.GetLeader() == "" {
			return nil
		}
		if st.GetRole() == "leader" {
			leader = m
		}
		seen = append(seen, fmt.Sprint(st.GetLeader(), " in ", st.GetTerm()))
	}
	if len(slices.Compact(seen)) != 1 {
		return nil
	}
	return leader
}

// term is the latest term that a member knows.
func (c *cluster) term() (term uint64) {
	for _, m := range c.members {
		term = max(term, m.status().GetTerm())
	}
	return term
}

// others are the members but one.
func (c *cluster) others(not *member) []*member {
	return slices.DeleteFunc(slices.Clone(c.members), func(m *member) bool { return m == not })
}

// failed shows what the members have logged last, and kills them.
func (c *cluster) failed(t testing.TB) {
	t.Helper()
	for _, m := range c.members {
		t.Logf("the log of member %d ends with:\n%s", m.id, m.host.LastLines(20))
		m.host.Kill(t)
	}
}

// plugins are the status of a member's plugins by kind.
func plugins(st *hostv1.StatusResponse) map[string]*hostv1.PluginStatus {
	all := map[string]*hostv1.PluginStatus{}
	for _, p := range st.GetPlugins() {
		all[p.GetKind()] = p
	}
	return all
}
