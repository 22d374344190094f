package core_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// cluster is a set of hosts in this process, on fake disks, a fake network and
// a state machine that remembers what it applied.
type cluster struct {
	t       *testing.T
	network *transporttest.Network
	members []member.Member
	nodes   map[member.ID]*testNode
	tune    func(*core.Config)
	metrics map[member.ID]*prometheus.Registry // where a test wants them
}

// testNode is one place in the cluster: its disk outlives its host.
type testNode struct {
	disk *storagetest.Disk
	host *core.Host
	log  *recorder

	mu       sync.Mutex
	refuses  func(index uint64) bool // snapshots that its state machines call bad
	damaged  func(index uint64) bool // snapshots whose checksum is wrong
	stores   []*storagetest.Memory
	machines []*statemachinetest.Register
}

// inproc is the isolation of a plugin that runs inside the host.
const inproc = "inproc"

// wait is how long tests wait for what must come.
const wait = 20 * time.Second

func newCluster(t *testing.T, n int, tune func(*core.Config)) *cluster {
	t.Helper()
	t.TempDir() // so that the directories go after the hosts have stopped
	c := &cluster{t: t, network: transporttest.NewNetwork(), nodes: map[member.ID]*testNode{}, tune: tune, metrics: map[member.ID]*prometheus.Registry{}}
	c.found(n)
	t.Cleanup(func() {
		for id := range c.nodes {
			c.stop(id)
		}
	})
	return c
}

// found founds the cluster with so many members.
func (c *cluster) found(n int) {
	c.t.Helper()
	for i := range n {
		c.members = append(c.members, c.member(member.ID(i+1)))
	}
	for _, m := range c.members {
		c.start(m.ID, true)
	}
}

func (c *cluster) member(id member.ID) member.Member {
	return member.Member{
		ID: id, Name: fmt.Sprintf("n%d", id), ClientAddress: fmt.Sprintf("127.0.0.1:%d", id),
		PeerURLs: []string{transporttest.URL(address(id))},
	}
}

// configured are the members as a configuration names them.
func configured(members []member.Member) []core.MemberConfig {
	all := make([]core.MemberConfig, len(members))
	for i, m := range members {
		all[i] = core.MemberConfig{ID: uint64(m.ID), Name: m.Name, PeerURLs: m.PeerURLs, ClientAddress: m.ClientAddress, Learner: m.Learner}
	}
	return all
}

func address(id member.ID) string { return fmt.Sprintf("node-%d:1", id) }

// start starts the host of a node, on the disk that it had.
func (c *cluster) start(id member.ID, bootstrap bool) *core.Host {
	c.t.Helper()
	host, err := c.tryStart(id, bootstrap)
	if err != nil {
		c.t.Fatalf("start %s: %v", id, err)
	}
	return host
}

// startRefused starts a member that the cluster refuses, which may end the start itself.
func (c *cluster) startRefused(id member.ID, bootstrap bool) {
	c.t.Helper()
	if _, err := c.tryStart(id, bootstrap); err != nil && !errors.Is(err, core.ErrOtherCluster) {
		c.t.Fatalf("start %s: %v", id, err)
	}
}

// tryStart is start where the host may refuse to.
func (c *cluster) tryStart(id member.ID, bootstrap bool) (*core.Host, error) {
	c.t.Helper()
	n := c.nodes[id]
	if n == nil {
		n = &testNode{disk: storagetest.NewDisk(), log: &recorder{}}
		c.nodes[id] = n
	}
	host, err := core.New(c.config(n, id, bootstrap))
	if err != nil {
		c.t.Fatal(err)
	}
	n.host = host
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return host, host.Start(ctx)
}

func (c *cluster) config(n *testNode, id member.ID, bootstrap bool) core.Config {
	self := c.member(id)
	cfg := core.Config{
		ClusterID: 7, ID: uint64(id), Name: self.Name, DataDir: c.t.TempDir(), Version: "test",
		Members: configured(c.members), Bootstrap: bootstrap,
		Tick: 10 * time.Millisecond, Election: 100 * time.Millisecond,
		ClientAddress: "127.0.0.1:0", AdminAddress: "127.0.0.1:0",
		Logger: slog.New(n.log),
		Backends: []backend.Backend{
			backend.Storage("memory", n.newStore),
			backend.StateMachine("register", n.newMachine),
			backend.Transport("network", func(backend.Env) transport.Transport { return c.network.New() }),
		},
	}
	cfg.Storage = core.PluginConfig{Name: "memory", Isolation: inproc}
	cfg.StateMachine = core.PluginConfig{Name: "register", Isolation: inproc}
	cfg.Transports = []core.TransportConfig{{
		PluginConfig: core.PluginConfig{Name: "network", Isolation: inproc},
		Listen:       address(id), Advertise: self.PeerURLs,
	}}
	if c.tune != nil {
		c.tune(&cfg)
	}
	return cfg
}

func (n *testNode) newStore(backend.Env) storage.Storage {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.disk.Store()
	n.stores = append(n.stores, s)
	if n.damaged != nil {
		return damagedStore{s, n.damaged}
	}
	return s
}

func (n *testNode) newMachine(backend.Env) statemachine.StateMachine {
	n.mu.Lock()
	defer n.mu.Unlock()
	return picky{statemachinetest.NewRegister(), n, n.refuses}
}

// opened notes a state machine that serves: others are there for rehearsals.
func (n *testNode) opened(m *statemachinetest.Register, dataDir string) {
	if filepath.Base(dataDir) != string(plugins.StateMachine) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.machines = append(n.machines, m)
}

// machine is the state machine started last.
func (n *testNode) machine() *statemachinetest.Register {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machines[len(n.machines)-1]
}

func (c *cluster) stop(id member.ID) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := c.nodes[id].host.Stop(ctx); err != nil {
		c.t.Errorf("stop %s: %v", id, err)
	}
	if os.Getenv("PONTOON_TEST_LOG") != "" {
		c.t.Logf("log of %s:\n%s", id, strings.Join(c.nodes[id].log.all(), "\n"))
	}
}

func (c *cluster) service(id member.ID) server.Service { return core.Service(c.nodes[id].host) }

// leader waits for a leader that all given nodes agree on.
func (c *cluster) leader(ids ...member.ID) member.ID {
	c.t.Helper()
	if len(ids) == 0 {
		for id := range c.nodes {
			ids = append(ids, id)
		}
	}
	var leader member.ID
	c.eventually("a leader that all agree on", func() bool {
		leader = 0
		for _, id := range ids {
			st := c.service(id).Status()
			if st.Leader == 0 || leader != 0 && st.Leader != leader || c.service(id).Ready() != nil {
				return false
			}
			leader = st.Leader
		}
		return slices.Contains(ids, leader)
	})
	return leader
}

// other returns a node that is not the given one.
func (c *cluster) other(id member.ID) member.ID {
	for _, m := range c.members {
		if m.ID != id {
			return m.ID
		}
	}
	return 0
}

// propose writes until it is applied; every try has its own text, so that
// unknown outcomes do not disturb.
func (c *cluster) propose(id member.ID, text string) server.Result {
	c.t.Helper()
	var result server.Result
	c.eventually("proposal "+text, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		var err error
		result, err = c.service(id).Propose(ctx, []byte(text))
		return err == nil
	})
	return result
}

func (c *cluster) query(id member.ID, q string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	answer, err := c.service(id).Query(ctx, []byte(q), server.Linearizable)
	if err != nil {
		c.t.Fatalf("query %q on %s: %v", q, id, err)
	}
	return string(answer.Data)
}

// converged waits until all nodes have applied the same and returns it.
func (c *cluster) converged() []string {
	c.t.Helper()
	var texts []string
	c.eventually("equal state on all nodes", func() bool {
		texts = nil
		for i, m := range c.members {
			var have []string
			for _, e := range c.nodes[m.ID].machine().Entries() {
				have = append(have, string(e.Data))
			}
			if i > 0 && !slices.Equal(have, texts) {
				return false
			}
			texts = have
		}
		return true
	})
	return texts
}

// eventually waits for a condition, looking at it again and again.
func (c *cluster) eventually(what string, condition func() bool) {
	c.t.Helper()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			for id, n := range c.nodes {
				c.t.Logf("node %s: %+v\n%s", id, core.Service(n.host).Status(), strings.Join(n.log.all(), "\n"))
			}
			c.t.Fatalf("waited %v for %s", wait, what)
		}
	}
}

// recorder keeps what a host logs.
type recorder struct {
	mu    sync.Mutex
	lines []string
	attrs []slog.Attr
	main  *recorder
}

func (r *recorder) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	line := rec.Time.Format("05.000 ") + rec.Level.String() + " " + rec.Message
	rec.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	m := r
	if r.main != nil {
		m = r.main
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, line)
	return nil
}

func (r *recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	m := r
	if r.main != nil {
		m = r.main
	}
	return &recorder{main: m, attrs: attrs}
}

func (r *recorder) WithGroup(string) slog.Handler { return r }

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// says waits until a node has logged a message.
func (c *cluster) says(id member.ID, message string) {
	c.t.Helper()
	c.eventually("the line "+message, func() bool { return c.nodes[id].log.position(message) >= 0 })
}

// position is where a message first stands in the log; -1 if nowhere.
func (r *recorder) position(message string) int {
	return slices.IndexFunc(r.all(), func(l string) bool { return strings.Contains(l, message) })
}

var errDisk = errors.New("input/output error")
