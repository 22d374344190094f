package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/core/catalog"
	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/server"
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
	id := cfg.ID
	cfg.Transports, cfg.Backends = nil, cfg.Backends[:2]
	for _, name := range l.runs[id] {
		cfg.Transports = append(cfg.Transports, core.TransportConfig{
			PluginConfig: core.PluginConfig{Spec: catalog.Spec{Name: name, Isolation: catalog.Inproc}},
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
	if _, err := host.Service().Propose(ctx, []byte(text)); err == nil {
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

// Members that run one transport, the other, or both work together as far as
// they have one in common; who has none says so.
func TestMembersWithDifferentTransports(t *testing.T) {
	l := newLines(t, "old", "new")
	l.found(map[member.ID][]string{1: {"new", "old"}, 2: {"old"}, 3: {"new", "old"}, 4: {"new"}, 5: {"old", "new"}})
	l.leadBySomeoneInReach()
	for _, m := range l.members {
		l.propose(m.ID, "by "+m.ID.String())
	}
	l.carries("old", 1, 2)
	l.carries("new", 1, 3)
	l.carries("new", 1, 4)
	l.carries("old", 2, 5)
	l.carries("new", 4, 5)
	// Which of two prevails is for the leader to say.
	if l.service(1).Status().Leader != 3 {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		if _, err := l.service(l.service(1).Status().Leader).TransferLeader(ctx, 3); err != nil {
			t.Fatal(err)
		}
	}
	l.eventually("two followers to prefer their own first", func() bool {
		return l.link(1, 5).Transport == "new" && l.link(5, 1).Transport == "old"
	})
	if x := l.link(1, 5); !slices.Equal(x.Usable, []string{"new", "old"}) {
		t.Errorf("node 5 can be reached from 1 by %v", x.Usable)
	}
	for _, way := range [][2]member.ID{{2, 4}, {4, 2}} {
		x := l.link(way[0], way[1])
		if x.Transport != "" || len(x.Usable) != 0 || !strings.Contains(x.Error, "none of its peer URLs ("+lineURL(l.runs[way[1]][0], way[1])+")") {
			t.Errorf("%s says of its way to %s: %+v", way[0], way[1], x)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if _, err := l.service(l.service(1).Status().Leader).TransferLeader(ctx, 4); err != nil {
		t.Fatal(err)
	}
	l.eventually("the log to say who cannot be reached", func() bool {
		return l.nodes[4].log.position("a peer cannot be reached peer=2 error=none of its peer URLs") >= 0
	})
	l.leadBySomeoneInReach()
	if got := l.converged(); len(got) != 5 {
		t.Errorf("state is %v", got)
	}
}

// leadBySomeoneInReach makes a member the leader that reaches all others: 2 and
// 4 do not reach each other.
func (l *lines) leadBySomeoneInReach() {
	l.t.Helper()
	l.eventually("a leader in reach of all", func() bool {
		leader := l.service(1).Status().Leader
		if leader == 2 || leader == 4 {
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			_, _ = l.service(leader).TransferLeader(ctx, 1) // tried until it leads
			return false
		}
		return leader != 0
	})
	l.leader()
}

// With the preferred network gone the other one carries everything, and nobody
// who writes loses anything; when it is back it is used again.
func TestOneNetworkFailsUnderLoad(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	l.leader()
	w := l.write()
	l.all("new")
	w.more(100)
	for _, m := range l.members {
		l.networks["new"].Isolate(uint64(m.ID))
	}
	l.all("old")
	w.more(100)
	l.networks["new"].HealAll()
	l.all("new")
	for _, m := range l.members {
		l.networks["old"].Isolate(uint64(m.ID)) // nobody needs it now
	}
	w.more(100)
	w.check()
}

// A network that swallows everything and says that all is well is left as well:
// the transports notice nothing, the members do.
func TestOneNetworkSwallowsEverything(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	l.leader()
	w := l.write()
	l.all("new")
	for _, a := range l.members {
		for _, b := range l.members {
			l.networks["new"].Hold(uint64(a.ID), uint64(b.ID))
		}
	}
	w.more(300)
	l.networks["new"].HealAll()
	w.more(100)
	w.check()
}

// A transport that dies is started again, alone; the other one carries its
// messages meanwhile.
func TestDeathOfOneOfTwoTransports(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	w := l.write()
	for _, m := range l.members {
		l.all("new")
		l.kill("new", m.ID)
		l.eventually("a restart", func() bool { return l.plugin(m.ID, "new").Restarts == 1 && l.plugin(m.ID, "new").State == "ready" })
		if p := l.plugin(m.ID, "old"); p.Restarts != 0 || p.State != "ready" {
			t.Errorf("the other transport of %s: %+v", m.ID, p)
		}
		w.more(30)
	}
	l.kill("new", 1)
	l.kill("old", 1)
	l.eventually("both to be back", func() bool { return l.plugin(1, "old").Restarts == 1 && l.plugin(1, "new").Restarts == 2 })
	l.all("new")
	w.more(30)
	w.check()
}

// A transport that cannot be used any more is left out; without any the host
// ends.
func TestTransportsThatAreGivenUp(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	l.leader()
	l.all("new")
	l.mu.Lock()
	l.refuse["new3"] = fmt.Errorf("%w: worn out", plugins.ErrInvalidConfig)
	l.refuse["old3"] = l.refuse["new3"]
	l.mu.Unlock()
	l.kill("new", 3)
	l.eventually("a transport that is given up", func() bool {
		p := l.plugin(3, "new")
		return p.State == "failed" && strings.Contains(p.LastError, "worn out")
	})
	l.carries("old", 3, 1)
	l.carries("old", 3, 2)
	l.propose(3, "by the other one")
	if err := l.service(3).Ready(); err != nil {
		t.Errorf("a member with one transport left is not ready: %v", err)
	}
	l.kill("old", 3)
	<-l.nodes[3].host.Failed()
	if err := l.nodes[3].host.Err(); err == nil || !strings.Contains(err.Error(), "transport cannot be used: open transport(old): ") {
		t.Errorf("the host ended with %v", err)
	}
}

// A snapshot goes by the transport that works.
func TestSnapshotGoesByTheOtherTransport(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.tune = func(cfg *core.Config) {
		l.setUp(cfg)
		cfg.SnapshotEntries, cfg.CatchUpEntries = 50, 10
	}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	leader := l.leader()
	behind := l.other(leader)
	l.networks["new"].Isolate(uint64(behind))
	l.networks["old"].Isolate(uint64(behind))
	for i := range 200 {
		l.propose(leader, fmt.Sprint(i))
	}
	l.eventually("a compacted log", func() bool { return l.service(leader).Status().FirstIndex > 50 })
	l.networks["old"].HealAll()
	l.eventually("the follower to have a snapshot", func() bool { return l.service(behind).Status().SnapshotIndex > 0 })
	l.propose(leader, "end")
	if got := l.converged(); len(got) != 201 {
		t.Errorf("state has %d entries", len(got))
	}
}

// A new member with both transports is caught up by the preferred one, and knows
// whom to ask before it knows the members.
func TestMemberJoinsWithTwoTransports(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	leader := l.leader()
	l.propose(leader, "before")
	fourth := l.member(4)
	fourth.PeerURLs = []string{lineURL("new", 4), lineURL("old", 4)}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if _, err := l.service(leader).AddMember(ctx, fourth); err != nil {
		t.Fatal(err)
	}
	l.members, l.runs[4] = append(l.members, fourth), both
	l.start(4, false)
	l.eventually("the new member to be ready", func() bool { return l.service(4).Ready() == nil })
	l.propose(4, "after")
	for id := range member.ID(3) {
		l.carries("new", 4, id+1)
	}
	if got := l.converged(); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("state is %v", got)
	}
}

// A removed member is told on whichever transport it calls.
func TestRemovedMemberLearnsItByEitherTransport(t *testing.T) {
	for _, name := range []string{"new", "old"} {
		t.Run(name, func(t *testing.T) {
			l := newLines(t, "old", "new")
			both := []string{"new", "old"}
			l.found(map[member.ID][]string{1: both, 2: both, 3: both})
			leader := l.leader()
			gone := l.other(leader)
			for _, n := range l.networks {
				n.Isolate(uint64(gone))
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			if _, err := l.service(l.leader(others(l, gone)...)).RemoveMember(ctx, gone); err != nil {
				t.Fatal(err)
			}
			l.networks[name].HealAll()
			<-l.nodes[gone].host.Failed()
			if err := l.nodes[gone].host.Err(); !errors.Is(err, core.ErrRemoved) {
				t.Errorf("the removed member ended with %v", err)
			}
		})
	}
}

func others(l *lines, not member.ID) []member.ID {
	var ids []member.ID
	for _, m := range l.members {
		if m.ID != not {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// Transports that nobody could tell apart are refused at the start.
func TestTransportsThatDoNotGoTogether(t *testing.T) {
	for _, tc := range []struct {
		name string
		tune func(*core.Config)
		want string
	}{
		{"none", func(cfg *core.Config) { cfg.Transports = nil }, "a host needs a transport"},
		{"one twice", func(cfg *core.Config) { cfg.Transports[1] = cfg.Transports[0] }, "two transports are called new"},
		{"a URL of the other's", func(cfg *core.Config) { cfg.Transports[1].Advertise = cfg.Transports[0].Advertise }, "cannot advertise new://node-1:1: it serves URLs that begin with old"},
		{"one scheme", func(cfg *core.Config) {
			create := cfg.Backends[2].NewTransport
			cfg.Backends[2].NewTransport = func(env backend.Env) transport.Transport { return unlike{create(env)} }
			cfg.Transports[0].Advertise, cfg.Transports[1].Advertise = nil, nil
		}, "both serve old URLs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLines(t, "old", "new")
			l.runs[1] = []string{"new", "old"}
			l.members = append(l.members, l.member(1))
			n := fresh()
			cfg := l.config(n, 1, true)
			slices.SortFunc(cfg.Backends[2:], func(a, b backend.Backend) int { return strings.Compare(a.Name, b.Name) })
			tc.tune(&cfg)
			h, err := core.New(cfg)
			if err == nil {
				ctx, cancel := context.WithTimeout(context.Background(), wait)
				defer cancel()
				if err = h.Start(ctx); err == nil {
					_ = h.Stop(ctx)
				}
			}
			if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// unlike states the old scheme, whatever it is; see TestTransportsThatDoNotGoTogether.
type unlike struct{ transport.Transport }

func (u unlike) Describe() plugins.Info {
	info := u.Transport.Describe()
	info.Capabilities = []plugins.Capability{transport.Scheme("old")}
	return info
}

// The whole move, under load: each member gets the new transport beside the old
// one, then the new addresses, then loses the old transport, then the old
// addresses. Nothing that was acknowledged is lost.
func TestClusterMovesToAnotherTransport(t *testing.T) {
	l := newLines(t, "old", "new")
	l.found(map[member.ID][]string{1: {"old"}, 2: {"old"}, 3: {"old"}})
	l.leader()
	w := l.write()
	w.more(50)
	step := func(change func(member.ID)) {
		for _, m := range l.members {
			change(m.ID)
			l.leader()
			w.more(30)
		}
	}
	step(func(id member.ID) { l.restart(id, "new", "old") })
	l.all("old")
	step(func(id member.ID) { l.update(id, "new", "old") })
	l.all("new")
	step(func(id member.ID) { l.restart(id, "new") })
	step(func(id member.ID) { l.update(id, "new") })
	l.all("new")
	w.check()
	for _, m := range l.members {
		for _, x := range l.service(m.ID).Status().Links {
			if !slices.Equal(x.Usable, []string{"new"}) {
				t.Errorf("%s reaches %s by %v", m.ID, x.ID, x.Usable)
			}
		}
	}
}

// update gives a member the URLs of some transports.
func (l *lines) update(id member.ID, names ...string) {
	l.t.Helper()
	change := member.Member{ID: id}
	for _, name := range names {
		change.PeerURLs = append(change.PeerURLs, lineURL(name, id))
	}
	l.eventually("an update of "+id.String(), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		_, err := l.service(l.leader()).UpdateMember(ctx, change)
		return err == nil
	})
}
