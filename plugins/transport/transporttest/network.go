package transporttest

import (
	"fmt"
	"sync"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Scheme is that of the URLs under which endpoints of a Network reach each
// other: URL makes one.
const Scheme = "memory://"

// URL is the URL of an endpoint whose Open returned address.
func URL(address string) string { return Scheme + address }

// A Network connects the transports that its New makes. All of its methods
// may be called at any time by anyone, also from a Handler.
type Network struct {
	mu        sync.Mutex
	named     int
	endpoints map[string]*endpoint // open ones, by address
	cut       map[pair]bool
	gates     map[direction]*Gate
	drop      func(transport.Envelope) bool
	delay     time.Duration
	onTheWay  map[direction][]delayed
}

// A direction is one way between two nodes, a pair both ways.
type (
	direction struct{ from, to uint64 }
	pair      struct{ low, high uint64 }
)

func pairOf(a, b uint64) pair { return pair{min(a, b), max(a, b)} }

// NewNetwork returns a network without nodes or faults.
func NewNetwork() *Network {
	return &Network{
		endpoints: map[string]*endpoint{},
		cut:       map[pair]bool{},
		gates:     map[direction]*Gate{},
		onTheWay:  map[direction][]delayed{},
	}
}

// New returns a transport on the network, not open yet. If it is opened
// without a listen address, or with one that ends in ":0", it gets one.
func (n *Network) New() transport.Transport {
	return &endpoint{network: n, wake: make(chan struct{}, 1), done: make(chan struct{}), active: map[uint64]bool{}}
}

// Cut breaks the link between two nodes both ways. Messages that are on their
// way are dropped and reported, snapshots fail, and so does all that is sent
// later, until Heal. Cutting a link twice changes nothing.
func (n *Network) Cut(a, b uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[pairOf(a, b)] {
		return
	}
	n.cut[pairOf(a, b)] = true
	n.breakLink(direction{a, b})
	n.breakLink(direction{b, a})
	n.refresh()
}

// Isolate cuts every link of a node.
func (n *Network) Isolate(node uint64) {
	for _, other := range n.nodes() {
		if other != node {
			n.Cut(node, other)
		}
	}
}

// Heal mends the link between two nodes.
func (n *Network) Heal(a, b uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, pairOf(a, b))
	n.refresh()
}

// HealAll mends all links, opens all gates, and drops and delays nothing any more.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	n.drop, n.delay = nil, 0
	for _, g := range n.gates {
		g.open()
	}
	n.refresh()
}

// Drop makes the network lose the messages for which lose is true, and report
// each of them to its sender. lose is called with the network locked: it must
// not use it. nil ends it.
func (n *Network) Drop(lose func(transport.Envelope) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = lose
}

// Hold keeps back all messages from one node to another, from now on, until
// the gate lets them go. A second Hold returns the gate that is there.
func (n *Network) Hold(from, to uint64) *Gate {
	n.mu.Lock()
	defer n.mu.Unlock()
	way := direction{from, to}
	if n.gates[way] == nil {
		n.gates[way] = &Gate{network: n, way: way}
	}
	return n.gates[way]
}

// nodes lists the nodes that are open.
func (n *Network) nodes() []uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ids []uint64
	for _, e := range n.endpoints {
		ids = append(ids, e.opts.NodeID)
	}
	return ids
}

// register gives an endpoint its address. It needs n.mu.
func (n *Network) register(e *endpoint, address string) (string, error) {
	if address == "" || address == "0" || len(address) > 2 && address[len(address)-2:] == ":0" {
		n.named++
		address = fmt.Sprintf("node-%d", n.named)
	}
	if n.endpoints[address] != nil {
		return "", fmt.Errorf("listen on %s: %w", address, transport.ErrAddressInUse)
	}
	n.endpoints[address] = e
	return address, nil
}

// reach finds the endpoint of a peer. It needs n.mu.
func (n *Network) reach(from *endpoint, p transport.Peer) *endpoint {
	if n.cut[pairOf(from.opts.NodeID, p.Id)] {
		return nil
	}
	for _, url := range p.Urls {
		if len(url) < len(Scheme) || url[:len(Scheme)] != Scheme {
			continue
		}
		to := n.endpoints[url[len(Scheme):]]
		if to != nil && to.opts.NodeID == p.Id && to.opts.ClusterID == from.opts.ClusterID && !to.closed {
			return to
		}
	}
	return nil
}

// route brings one message on its way. It needs n.mu.
func (n *Network) route(from *endpoint, m transport.Envelope) {
	p, known := from.peers[m.To]
	if !known {
		from.report(m.To, transport.ErrUnknownPeer.Error())
		return
	}
	to := n.reach(from, p)
	switch {
	case to == nil || !to.hears(from):
		from.report(m.To, transport.ErrUnreachable.Error())
	case len(m.Payload) > from.limit() || m.Group != from.opts.Group || m.Class == pluginv1.MessageClass_CLASS_SNAPSHOT:
		from.report(m.To, "message does not fit the transport")
	case to.refuses(from):
		from.report(m.To, "removed member")
	case n.greet(from, to) != nil:
		from.report(m.To, "the greetings do not fit")
	case !to.admits(from):
		from.report(m.To, "not a member")
	case n.drop != nil && n.drop(m):
		from.report(m.To, "dropped by the test")
	default:
		if g := n.gates[direction{m.From, m.To}]; g != nil {
			g.held = append(g.held, m)
			return
		}
		n.carry(to, m)
	}
}

// breakLink drops what is on its way in one direction and reports it. It
// needs n.mu.
func (n *Network) breakLink(way direction) {
	lost := 0
	if g := n.gates[way]; g != nil {
		lost += len(g.held)
		g.held = nil
	}
	lost += len(n.onTheWay[way])
	delete(n.onTheWay, way)
	for _, e := range n.endpoints {
		if e.opts.NodeID == way.to {
			lost += e.forget(way.from)
			e.breakSnapshots(way.from)
		}
	}
	if lost > 0 {
		n.reportTo(way, "the link was cut")
	}
}

// reportTo tells the sender of a direction that something was lost. It needs
// n.mu.
func (n *Network) reportTo(way direction, detail string) {
	for _, e := range n.endpoints {
		if e.opts.NodeID == way.from {
			e.report(way.to, detail)
		}
	}
}

// refresh tells every endpoint which of its peers have become, or ceased to
// be, reachable. It needs n.mu.
func (n *Network) refresh() {
	for _, e := range n.endpoints {
		for id, p := range e.peers {
			to := n.reach(e, p)
			e.setActive(id, to != nil && to.hears(e) && n.connects(e, to))
		}
	}
}

// A Gate holds back the messages of one direction.
type Gate struct {
	network *Network
	way     direction
	held    []transport.Envelope // guarded by network.mu
}

// Len is the number of messages that wait.
func (g *Gate) Len() int {
	g.network.mu.Lock()
	defer g.network.mu.Unlock()
	return len(g.held)
}

// Release lets the first count messages go and returns how many there were.
func (g *Gate) Release(count int) int {
	g.network.mu.Lock()
	defer g.network.mu.Unlock()
	return g.release(count)
}

// Reorder arranges the messages that wait anew: the one that would go first
// goes as order(n)[0] says, and so on. order returns a permutation of the n
// first numbers; rand.Perm is one.
func (g *Gate) Reorder(order func(n int) []int) {
	g.network.mu.Lock()
	defer g.network.mu.Unlock()
	held := make([]transport.Envelope, 0, len(g.held))
	for _, i := range order(len(g.held)) {
		held = append(held, g.held[i])
	}
	g.held = held
}

// Open lets all messages go, and from now on those to come.
func (g *Gate) Open() {
	g.network.mu.Lock()
	defer g.network.mu.Unlock()
	g.open()
}

// open needs network.mu.
func (g *Gate) open() {
	g.release(len(g.held))
	if g.network.gates[g.way] == g {
		delete(g.network.gates, g.way)
	}
}

// release needs network.mu.
func (g *Gate) release(count int) int {
	count = min(count, len(g.held))
	from, to := g.network.node(g.way.from), g.network.node(g.way.to)
	for _, m := range g.held[:count] {
		if to == nil {
			g.network.reportTo(g.way, "the receiver is closed")
			continue
		}
		if from != nil && g.network.greet(from, to) != nil {
			g.network.reportTo(g.way, "the greetings do not fit")
			continue
		}
		to.push(item{message: m})
	}
	g.held = g.held[count:]
	return count
}
