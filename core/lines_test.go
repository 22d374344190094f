package core_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// lines are networks of different schemes, each with a transport of its name.
// Every node has a place on each of them; which it uses is for a test to say.
type lines struct {
	*cluster
	networks map[string]*transporttest.Network
	// runs are the transports of each node, the preferred one first. It is read
	// when a node starts.
	runs map[member.ID][]string

	// starting is held while a node is restarted: its writer waits.
	starting map[member.ID]*sync.Mutex

	mu     sync.Mutex
	opened map[string][]*line // by name and node
	refuse map[string]error   // what Open answers from now on
}

// line is a transport of a lines, under another name and scheme than its
// network's. A test can break it as a process breaks that dies.
type line struct {
	transport.Transport
	l      *lines
	name   string
	done   chan struct{}
	broken sync.Once
}

func newLines(t *testing.T, names ...string) *lines {
	t.Helper()
	l := &lines{
		cluster:  newCluster(t, 0, nil),
		networks: map[string]*transporttest.Network{}, runs: map[member.ID][]string{},
		starting: map[member.ID]*sync.Mutex{},
		opened:   map[string][]*line{}, refuse: map[string]error{},
	}
	for _, name := range names {
		l.networks[name] = transporttest.NewNetwork()
	}
	l.tune = l.setUp
	return l
}

// lineURL is where a node is on a line.
func lineURL(name string, id member.ID) string { return name + "://" + address(id) }

// found starts members that run, and have URLs for, the given transports.
func (l *lines) found(runs map[member.ID][]string) {
	l.t.Helper()
	for id := range member.ID(len(runs)) {
		m := l.member(id + 1)
		m.PeerURLs = nil
		for _, name := range runs[m.ID] {
			m.PeerURLs = append(m.PeerURLs, lineURL(name, m.ID))
		}
		slices.Sort(m.PeerURLs)
		l.members = append(l.members, m)
		l.runs[m.ID], l.starting[m.ID] = runs[m.ID], &sync.Mutex{}
	}
	for _, m := range l.members {
		l.start(m.ID, true)
	}
}

// setUp gives a host the transports of its node.
func (l *lines) setUp(cfg *core.Config) {
	id := member.ID(cfg.ID)
	cfg.Transports, cfg.Backends = nil, cfg.Backends[:2]
	for _, name := range l.runs[id] {
		cfg.Transports = append(cfg.Transports, core.TransportConfig{
			PluginConfig: core.PluginConfig{Name: name, Isolation: inproc},
			Listen:       address(id), Advertise: []string{lineURL(name, id)},
		})
	}
	for name := range l.networks {
		cfg.Backends = append(cfg.Backends, backend.Transport(name, func(backend.Env) transport.Transport {
			return &line{Transport: l.networks[name].New(), l: l, name: name, done: make(chan struct{})}
		}))
	}
}

func (x *line) Describe() plugins.Info {
	info := x.Transport.Describe()
	info.Name, info.Capabilities = x.name, []plugins.Capability{transport.Scheme(x.name)}
	return info
}

func (x *line) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	key := fmt.Sprint(x.name, opts.NodeID)
	x.l.mu.Lock()
	defer x.l.mu.Unlock()
	if err := x.l.refuse[key]; err != nil {
		return "", err
	}
	x.l.opened[key] = append(x.l.opened[key], x)
	return x.Transport.Open(ctx, opts, h)
}

// SetPeers takes no URL of another scheme.
func (x *line) SetPeers(ctx context.Context, set transport.PeerSet) error {
	peers := slices.Clone(set.Peers)
	for i := range peers {
		var urls []string
		for _, u := range peers[i].Urls {
			where, mine := strings.CutPrefix(u, x.name+"://")
			if !mine {
				x.l.t.Errorf("%s was given the URL %s", x.name, u)
			}
			urls = append(urls, transporttest.URL(where))
		}
		peers[i].Urls = urls
	}
	set.Peers = peers
	return x.Transport.SetPeers(ctx, set)
}

// Done and Err are what the RPC adapter has: the end of a plugin's stream.
func (x *line) Done() <-chan struct{} { return x.done }

func (x *line) Err() error {
	select {
	case <-x.done:
		return plugins.ErrGone
	default:
		return nil
	}
}

// kill breaks the transport of a node.
func (l *lines) kill(name string, id member.ID) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.opened[fmt.Sprint(name, uint64(id))]
	x := all[len(all)-1]
	x.broken.Do(func() { close(x.done) })
}

// link is how a node reaches another one.
func (l *lines) link(from, to member.ID) server.PeerLink {
	for _, x := range l.service(from).Status().Links {
		if x.ID == to {
			return x
		}
	}
	return server.PeerLink{}
}

// carries waits until a transport carries messages between two nodes, both
// ways, over a connection.
func (l *lines) carries(name string, a, b member.ID) {
	l.t.Helper()
	for _, way := range [][2]member.ID{{a, b}, {b, a}} {
		l.eventually(fmt.Sprintf("%s to carry messages from %s to %s", name, way[0], way[1]), func() bool {
			x := l.link(way[0], way[1])
			return x.Transport == name && x.Active && x.Error == ""
		})
	}
}

// all waits until a transport carries everything.
func (l *lines) all(name string) {
	l.t.Helper()
	for i, a := range l.members {
		for _, b := range l.members[i+1:] {
			l.carries(name, a.ID, b.ID)
		}
	}
}

// plugin is the status of a node's transport.
func (l *lines) plugin(id member.ID, name string) server.PluginStatus {
	for _, p := range l.service(id).Status().Plugins {
		if p.Kind == string(plugins.Transport) && p.Name == name {
			return p
		}
	}
	return server.PluginStatus{}
}

// load writes through all members, one write after the other each, until it is
// stopped. A write of unknown outcome is not written again.
type load struct {
	l     *lines
	stop  atomic.Bool
	wg    sync.WaitGroup
	mu    sync.Mutex
	acked []string
}

func (l *lines) write() *load {
	w := &load{l: l}
	for _, m := range l.members {
		w.wg.Go(func() {
			for n := 0; !w.stop.Load(); n++ {
				w.write(m.ID, fmt.Sprintf("%s/%d", m.ID, n))
			}
		})
	}
	return w
}

func (w *load) write(id member.ID, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	w.l.starting[id].Lock()
	host := w.l.nodes[id].host
	w.l.starting[id].Unlock()
	if _, err := core.Service(host).Propose(ctx, []byte(text)); err == nil {
		w.mu.Lock()
		w.acked = append(w.acked, text)
		w.mu.Unlock()
	}
}

// restart stops a node and starts it with other transports.
func (l *lines) restart(id member.ID, runs ...string) {
	l.t.Helper()
	l.starting[id].Lock()
	defer l.starting[id].Unlock()
	l.stop(id)
	l.runs[id] = runs
	l.start(id, true)
}

// more waits until so many more writes were acknowledged.
func (w *load) more(n int) {
	w.l.t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked)
	}
	goal := count() + n
	w.l.eventually(fmt.Sprintf("%d more acknowledged writes", n), func() bool { return count() >= goal })
}

// check stops the writers and looks for every acknowledged write on every
// member, once.
func (w *load) check() {
	w.l.t.Helper()
	w.stop.Store(true)
	w.wg.Wait()
	for _, m := range w.l.members {
		w.l.query(m.ID, "count")
	}
	have := map[string]int{}
	for _, text := range w.l.converged() {
		have[text]++
	}
	for _, text := range w.acked {
		if have[text] != 1 {
			w.l.t.Errorf("%s was acknowledged and is there %d times", text, have[text])
		}
	}
}
