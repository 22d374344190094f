package pontoontest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
)

// patience bounds all waits. It only matters when a wait is in vain.
const patience = time.Minute

// ending is how long the hosts have to stop when the test is over.
const ending = 20 * time.Second

// Options say what runs. The zero value is a cluster of the shipped plugins.
type Options struct {
	// Host is the host program: a path, or a name in PATH; see the package.
	Host string
	// StateMachine and Storage are executables with their arguments, in the place of the
	// shipped ones. A relative path is one from the test's directory.
	StateMachine, Storage []string
	// Transport is an executable in the place of http, and Scheme that of its peers' URLs.
	// Partition fails a test with it: only links of http can be cut.
	Transport []string
	Scheme    string
	// StateMachineConfig is the config section of the state machine, as YAML in one line.
	StateMachineConfig string
	// Settings are further settings of each host, as key=value.
	Settings []string
}

// A Running cluster ends with its test.
type Running struct {
	t       testing.TB
	members []*Member
	links   *links
	uncut   bool // links cannot be cut
	client  *client.Client
}

// Cluster founds a cluster of n members, and returns when each of them serves.
func Cluster(t testing.TB, n int, o Options) *Running {
	t.Helper()
	if (len(o.Transport) > 0) != (o.Scheme != "") {
		t.Fatal("Transport and Scheme belong together")
	}
	dir, err := os.MkdirTemp(shortdir.Parent(), "pontoontest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("the files of the cluster are left: %v", err)
		}
	})
	c := &Running{t: t, links: newLinks(), uncut: len(o.Transport) > 0}
	t.Cleanup(c.links.close)
	t.Cleanup(c.end)
	host := hostProgram(t, dir, o)
	var ports loopback.Ports
	var endpoints []string
	for i := range n {
		m := newMember(t, c, i+1, dir, host, &ports)
		c.members = append(c.members, m)
		endpoints = append(endpoints, m.client)
	}
	for _, m := range c.members {
		m.configure(o)
		m.Start()
	}
	c.Ready()
	c.client, err = client.New(client.Options{Endpoints: endpoints, RequestTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.client.Close() })
	return c
}

// end ends all hosts with their plugins, and shows what they have logged if the test failed.
func (c *Running) end() {
	for _, m := range c.members {
		m.hangUp()
	}
	late := time.After(ending)
	for _, m := range c.members {
		if !m.endsBefore(late) {
			c.t.Logf("n%d did not stop within %v, and was killed", m.number, ending)
			m.Kill()
		}
		if c.t.Failed() {
			c.t.Logf("the log of n%d ends with:\n%s", m.number, m.lastLines())
		}
	}
}

// Members are all members, running or not, in the order of their numbers.
func (c *Running) Members() []*Member { return c.members }

// Client is a client of the cluster.
func (c *Running) Client() *client.Client { return c.client }

// Start starts the members that do not run, and waits until all serve.
func (c *Running) Start() {
	c.t.Helper()
	for _, m := range c.members {
		if !m.Running() {
			m.Start()
		}
	}
	c.Ready()
}

// Ready waits until each member that runs serves.
func (c *Running) Ready() {
	c.t.Helper()
	for _, m := range c.members {
		if m.Running() {
			m.await("to serve", m.ready)
		}
	}
}

// Leader waits for a leader that a majority follows, and returns it. A leader that was cut
// off just now may still be followed by members that have not noticed: see NewLeader.
func (c *Running) Leader() *Member {
	c.t.Helper()
	return c.NewLeader(nil)
}

// NewLeader waits for a leader that a majority follows and that is not old.
func (c *Running) NewLeader(old *Member) *Member {
	c.t.Helper()
	var leader *Member
	eventually(c.t, "a leader that a majority follows", func() bool {
		votes := map[string]int{}
		byID := map[string]*Member{}
		for _, m := range c.members {
			if st := m.status(); st != nil {
				votes[st.GetLeader()]++
				byID[st.GetId()] = m
			}
		}
		for id, n := range votes {
			if m := byID[id]; m != nil && m != old && n > len(c.members)/2 {
				leader = m
				return true
			}
		}
		return false
	})
	return leader
}

// Propose has the leader apply a command, and returns its result. A command that the state
// machine refuses fails the test. It is tried again while it is known not to be applied.
func (c *Running) Propose(command []byte) []byte {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		r, err := c.Leader().propose(ctx, command)
		switch {
		case err == nil && r.Error == "":
			return r.Data
		case err == nil:
			c.t.Fatalf("propose %q: refused: %s", command, r.Error)
		case !client.IsNotApplied(err) || ctx.Err() != nil:
			c.t.Fatalf("propose %q: %v", command, err)
		}
	}
}

// Query asks the cluster, linearizably.
func (c *Running) Query(query []byte) []byte {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := c.client.Query(ctx, query, client.Linearizable)
	if err != nil {
		c.t.Fatalf("query %q: %v", query, err)
	}
	return answer.Data
}

// WaitApplied waits until each member that runs has applied what the first of them has
// committed now.
func (c *Running) WaitApplied() {
	c.t.Helper()
	var commit uint64
	eventually(c.t, "what the leader has committed", func() bool {
		st := c.Leader().status()
		commit = st.GetCommit()
		return st != nil
	})
	for _, m := range c.members {
		if m.Running() {
			m.await("to have applied all", func() bool { return m.status().GetApplied() >= commit })
		}
	}
}

// SameAnswers waits until all members that run have applied all, and fails the test if
// their own states do not answer a query equally. It returns the answer.
func (c *Running) SameAnswers(query []byte) []byte {
	c.t.Helper()
	c.WaitApplied()
	var all []answer
	for _, m := range c.members {
		if m.Running() {
			all = append(all, answer{m.number, m.Query(query)})
		}
	}
	if text := differing(all); text != "" {
		c.t.Errorf("asked %q, %s", query, text)
	}
	return all[0].data // a leader runs
}

// An answer is that of one member.
type answer struct {
	member int
	data   []byte
}

// differing says which members answer otherwise than the first one; empty if none does.
func differing(all []answer) string {
	var text []string
	for _, a := range all[1:] {
		if !bytes.Equal(a.data, all[0].data) {
			text = append(text, fmt.Sprintf("n%d answers %q, and n%d %q", all[0].member, all[0].data, a.member, a.data))
		}
	}
	return strings.Join(text, "; ")
}

// Partition cuts the links between the given members and all others.
func (c *Running) Partition(members ...*Member) {
	c.t.Helper()
	if c.uncut {
		c.t.Fatal("only the links of the transport http can be cut")
	}
	apart := map[int]bool{}
	for _, m := range members {
		apart[m.number] = true
	}
	c.links.cut(func(from, to int) bool { return apart[from] != apart[to] })
}

// Heal mends all links.
func (c *Running) Heal() { c.links.cut(func(int, int) bool { return false }) }

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	await.That(t, patience, what, holds)
}

// absolute is a command with an absolute path.
func absolute(t testing.TB, command []string) []string {
	t.Helper()
	path, err := filepath.Abs(command[0])
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{path}, command[1:]...)
}
