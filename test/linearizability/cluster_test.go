//go:build linux

package linearizability

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A cluster is members in processes of their own. Each reaches the others through
// links that can be cut.
type cluster struct {
	t       testing.TB
	dir     string
	links   *links
	members []*member
}

// startCluster founds a cluster and waits until every member serves.
func startCluster(t testing.TB, size int) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "linearizability-")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, dir: dir, links: newLinks(t)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the members' files are in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	for id := 1; id <= size; id++ {
		c.members = append(c.members, c.newMember(uint64(id)))
	}
	for _, m := range c.members {
		m.write(c.config(m, "new"))
		m.start()
	}
	for _, m := range c.members {
		live.Eventually(t, m.name+" to be ready", m.ready)
	}
	return c
}

// newMember makes a member with an address that leads through the links.
func (c *cluster) newMember(id uint64) *member {
	m := &member{
		t: c.t, id: id, name: fmt.Sprintf("n%d", id), dir: filepath.Join(c.dir, fmt.Sprint(id)),
		client: live.FreeAddress(c.t, &ports), listen: live.FreeAddress(c.t, &ports), admin: live.FreeAddress(c.t, &ports),
	}
	m.peer = c.links.open(id, m.listen)
	return m
}

// Snapshots come so often that the log of a member that was away for some seconds
// does not connect with the leader's any more.
const settings = `raft:
  tick: 50ms
  election: 500ms
  snapshot_entries: 200
  catch_up_entries: 50
`

// config is the configuration of a member, in a cluster that is new or not.
func (c *cluster) config(m *member, state string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "node: {id: %x, name: %s, data_dir: %q, runtime_dir: %q}\n", m.id, m.name, m.data(), m.sockets())
	fmt.Fprintf(&text, "cluster:\n  id: a3\n  state: %s\n  members:\n", state)
	for _, other := range c.members {
		fmt.Fprintf(&text, "    - {id: %x, name: %s, peer_urls: [%q], client_address: %q}\n",
			other.id, other.name, "http://"+other.peer, other.client)
	}
	text.WriteString(settings)
	fmt.Fprintf(&text, "api: {listen: %q}\nadmin: {listen: %q}\n", m.client, m.admin)
	fmt.Fprintf(&text, "plugins:\n  transport: {name: http, listen: %q}\n  storage: {name: wal}\n  statemachine: {name: kv}\n", m.listen)
	return text.String()
}

// leader is the member that leads in the highest term; nil if none says so.
func (c *cluster) leader() *member {
	var leader *member
	var term uint64
	for _, m := range c.members {
		if st := m.status(); st.GetRole() == "leader" && st.GetTerm() > term {
			leader, term = m, st.GetTerm()
		}
	}
	return leader
}
