package transporttest

import (
	"context"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// patience bounds what no harness has a say in.
const patience = 30 * time.Second

const (
	testCluster = 0xc1
	testGroup   = 1
)

// node is one transport of a test with its recorder.
type node struct {
	*recorder
	id        uint64
	transport transport.Transport
	address   string
	url       string // under which the others reach it
	relay     relay  // in front of it; nil without TCP and UDP
	self      transport.Greeting
}

// cluster is a set of nodes that may know each other.
type cluster struct {
	t     *testing.T
	h     Harness
	nodes map[uint64]*node
	// stores are those that hosts name of their peers.
	stores map[uint64]uint64
}

// newCluster starts nodes 1 to size, each of which knows all others.
func newCluster(t *testing.T, h Harness, size int) *cluster {
	c := &cluster{t: t, h: h, nodes: map[uint64]*node{}}
	for id := uint64(1); id <= uint64(size); id++ {
		c.nodes[id] = c.start(id, h.Listen)
	}
	c.connect()
	return c
}

// start opens a node's transport; it is closed when the test ends.
func (c *cluster) start(id uint64, listen string) *node {
	c.t.Helper()
	n := &node{id: id, recorder: newRecorder(c.h.Patience), transport: c.h.New(c.t)}
	address, err := n.transport.Open(deadline(c.t), c.options(id, listen), n.recorder)
	if err != nil {
		c.t.Fatalf("open node %d: %v", id, err)
	}
	c.t.Cleanup(func() {
		if err := n.transport.Close(deadline(c.t)); err != nil {
			c.t.Errorf("close node %d: %v", id, err)
		}
	})
	n.address, n.url = address, c.h.URL(address)
	if c.h.relayed() {
		n.relay = newRelay(c.t, c.h, address)
		n.url = strings.Replace(n.url, address, n.relay.Address(), 1)
	}
	return n
}

// A relay stands in front of a node.
type relay interface {
	Address() string
	Stall()
	Cut()
	Heal()
	Break()
}

func newRelay(t *testing.T, h Harness, address string) relay {
	if h.UDP > 0 {
		return NewUDPRelay(t, address, h.UDP)
	}
	return NewRelay(t, address)
}

// restart puts a new transport in the place of a node that was closed. The
// others go on with the URL they have.
func (c *cluster) restart(id uint64) *node {
	c.t.Helper()
	return c.restartAs(id, c.nodes[id].self)
}

// restartAs is restart of a node that says something else of itself.
func (c *cluster) restartAs(id uint64, self transport.Greeting) *node {
	c.t.Helper()
	old := c.nodes[id]
	n := &node{id: id, recorder: newRecorder(c.h.Patience), transport: c.h.New(c.t), url: old.url, relay: old.relay, self: self}
	address, err := n.transport.Open(deadline(c.t), c.options(id, old.address), n.recorder)
	if err != nil {
		c.t.Fatalf("open node %d on %s again: %v", id, old.address, err)
	}
	n.address = address
	c.t.Cleanup(func() { _ = n.transport.Close(deadline(c.t)) })
	c.nodes[id] = n
	c.setPeers(id)
	return n
}

func (c *cluster) options(id uint64, listen string) transport.Options {
	return transport.Options{
		Options: plugins.Options{
			Config: c.h.config(c.t, testCluster, id), ClusterID: testCluster, NodeID: id, Group: testGroup, Incarnation: 1,
			DataDir: c.t.TempDir(), Limits: plugins.DefaultLimits(),
			Tick: 100 * time.Millisecond, Election: time.Second,
		},
		Listen: listen,
	}
}

// connect tells every node of all others.
func (c *cluster) connect() {
	c.t.Helper()
	for id := range c.nodes {
		c.setPeers(id)
	}
}

// setPeers tells one node of all others.
func (c *cluster) setPeers(id uint64) {
	c.t.Helper()
	if err := c.nodes[id].transport.SetPeers(deadline(c.t), c.others(id)); err != nil {
		c.t.Fatalf("set peers of node %d: %v", id, err)
	}
}

func (c *cluster) others(id uint64) transport.PeerSet {
	set := transport.PeerSet{Self: c.nodes[id].self}
	for other, n := range c.nodes {
		if other != id {
			set.Peers = append(set.Peers, transport.Peer{Id: other, Urls: []string{n.url}, Store: c.stores[other]})
		}
	}
	return set
}

// send hands messages to their sender's transport.
func (c *cluster) send(messages ...transport.Envelope) {
	c.t.Helper()
	if err := c.nodes[messages[0].From].transport.Send(deadline(c.t), messages); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// establish waits until messages of every class go from each of the nodes to
// each other one, by sending some until they arrive.
func (c *cluster) establish() {
	c.t.Helper()
	for from := range c.nodes {
		for to := range c.nodes {
			if from != to {
				c.establishLink(from, to)
			}
		}
	}
}

func (c *cluster) establishLink(from, to uint64) {
	c.t.Helper()
	for _, class := range classes {
		probe := newProbe(from, to, class)
		c.nodes[to].await(c.t, "a probe to arrive", func() bool {
			return c.nodes[to].has(probe)
		}, func() { c.send(probe) })
	}
}

// settle waits until a burst of every class arrives whole and in order
// between all nodes: lasting connections are up then.
func (c *cluster) settle() {
	c.t.Helper()
	for from := range c.nodes {
		for to := range c.nodes {
			for _, class := range classes {
				if from != to {
					c.settleLink(from, to, class)
				}
			}
		}
	}
}

// settlePause is the longest time between two bursts.
const settlePause = 200 * time.Millisecond

func (c *cluster) settleLink(from, to uint64, class pluginv1.MessageClass) {
	c.t.Helper()
	sender, receiver := c.nodes[from], c.nodes[to]
	pause := time.Millisecond
	for start := time.Now(); time.Since(start) < c.h.Patience; {
		messages := burst(from, to, class, 300)
		before := sender.count(unreachable(to))
		c.send(messages...)
		sender.await(c.t, "a burst to arrive, or a report", func() bool {
			return receiver.hasAll(messages) || sender.count(unreachable(to)) > before
		}, nil)
		if receiver.hasAll(messages) && inOrder(receiver.received(), messages) == len(messages) {
			return
		}
		<-time.After(pause) // bursts without a pause leave a busy machine no time for a connection
		pause = min(2*pause, settlePause)
	}
	c.t.Fatalf("no burst from %d to %d arrived in order within %v", from, to, c.h.Patience)
}

// next takes what must come soon. Nothing in the kit waits without a bound: a
// transport that loses something fails a test, and does not hang a run.
func next[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	timeout := time.NewTimer(2 * patience) // calls themselves have patience
	defer timeout.Stop()
	select {
	case v := <-from:
		return v
	case <-timeout.C:
		t.Fatalf("waited %v for %s", 2*patience, what)
		panic("not reached")
	}
}

// deadline is the context of calls that must return soon.
func deadline(t *testing.T) context.Context {
	// Not t.Context: that one has ended when cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
