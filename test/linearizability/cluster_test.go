//go:build linux

package linearizability

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/test/internal/live"
	"github.com/pontoon-raft/pontoon/test/linearizability/disk"
)

// A cluster is members in processes of their own. Each reaches the others through
// links that can be cut.
type cluster struct {
	t       testing.TB
	dir     string
	links   *links
	members []*member
	guests  []*member // that are added beside the members for a while
	timing  timing
	ids     uint64 // that were given out

	// transports are what each configuration that is written has, the preferred one
	// first, and reached by which of them members are said to be reached. There are two
	// of each while the cluster moves.
	transports, reached []string
}

// startCluster founds a cluster and waits until every member serves.
func startCluster(t testing.TB, size int, timing timing) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "linearizability-")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, dir: dir, links: newLinks(t), timing: timing, transports: []string{"http"}, reached: []string{"http"}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the members' files are in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	for range size {
		c.members = append(c.members, c.newMember())
	}
	for _, m := range c.members {
		c.configure(m, "new", c.members...)
		m.start()
	}
	for _, m := range c.members {
		live.Eventually(t, m.name+" to be ready", m.ready)
	}
	return c
}

// newMember makes a member with an address that leads through the links.
func (c *cluster) newMember() *member {
	name := fmt.Sprintf("n%d", c.ids+1)
	m := &member{
		t: c.t, name: name, dir: filepath.Join(c.dir, name),
		client: live.FreeAddress(c.t, &ports), listen: live.FreeAddress(c.t, &ports), admin: live.FreeAddress(c.t, &ports),
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	m.disk = openSwitches(c.t, m.dir)
	c.identify(m)
	return m
}

// identify gives a member an id that no member had, and an address of its own.
func (c *cluster) identify(m *member) {
	c.links.shut(m.peer)
	c.ids++
	m.id = c.ids
	m.peer = c.links.open(m.id, m.listen)
}

// timing is of raft's settings those that tests differ in.
type timing struct{ tick, election time.Duration }

// recovery is within which writes go on after a fault, as is promised of slow.
func (t timing) recovery() time.Duration { return duringAStall * t.election / slow.election }

// fast is the timing of a run that is to see many elections.
var fast = timing{50 * time.Millisecond, 500 * time.Millisecond}

// Snapshots come so often that the log of a member that was away for some seconds
// does not connect with the leader's any more, and segments are so small that a
// disk that is full is missed at once.
const settings = `  snapshot_entries: 200
  catch_up_entries: 50
`

// The storage is wal on a disk that can be disturbed.
const storage = `  storage:
    command: [%q]
    sha256: %s
    env: [%q]
    config: {segment_bytes: 16384, reserve_bytes: 16384}
`

// configure writes the configuration of a member for its next start.
func (c *cluster) configure(m *member, state string, members ...*member) {
	c.t.Helper()
	m.write(c.config(m, state, members...), c.transports)
}

// config is the configuration of a member, in a cluster that is new or not, with
// others.
func (c *cluster) config(m *member, state string, members ...*member) string {
	var text strings.Builder
	fmt.Fprintf(&text, "node: {id: %x, name: %s, data_dir: %q, runtime_dir: %q}\n", m.id, m.name, m.data(), m.sockets())
	fmt.Fprintf(&text, "cluster:\n  id: a3\n  state: %s\n  members:\n", state)
	for _, other := range members {
		fmt.Fprintf(&text, "    - {id: %x, name: %s, peer_urls: [%s], client_address: %q}\n",
			other.id, other.name, strings.Join(other.urls(c.reached...), ", "), other.client)
	}
	fmt.Fprintf(&text, "raft:\n  tick: %v\n  election: %v\n%s", c.timing.tick, c.timing.election, settings)
	fmt.Fprintf(&text, "api: {listen: %q}\nadmin: {listen: %q}\n", m.client, m.admin)
	text.WriteString("plugins:\n  statemachine: {name: kv}\n  transport:\n")
	for _, name := range c.transports {
		fmt.Fprintf(&text, "    - {name: %s, listen: %q, advertise: [%q]}\n", name, m.listen, m.urls(name)[0])
	}
	fmt.Fprintf(&text, storage, plugin.Path(c.t), plugin.digest(c.t), disk.Variable+"="+m.dir)
	return text.String()
}

// names are those of the members.
func (c *cluster) names() (list []string) {
	for _, m := range c.members {
		list = append(list, m.name)
	}
	return list
}

// leader is the member that leads in the highest term; nil if none says so.
func (c *cluster) leader() *member {
	var leader *member
	var term uint64
	for _, m := range slices.Concat(c.members, c.guests) {
		if st := m.status(); st.GetRole() == "leader" && st.GetTerm() > term {
			leader, term = m, st.GetTerm()
		}
	}
	return leader
}
