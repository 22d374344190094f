//go:build linux

package linearizability

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A way is from a member to another.
type way struct{ from, to uint64 }

func (w way) back() way { return way{w.to, w.from} }

// links carry the connections between members, each byte by a gate for its way.
type links struct {
	t  testing.TB
	wg sync.WaitGroup

	mu        sync.Mutex
	gates     map[way]*gate
	carried   map[*connection]struct{}
	listeners map[string]net.Listener // by the address that leads to a member
	relays    map[string]*relay       // the same for datagrams
	ids       map[string]uint64       // of members, by where they listen
	closed    bool

	byStreams, byDatagrams atomic.Int64 // bytes that were carried
}

func newLinks(t testing.TB) *links {
	l := &links{t: t, gates: map[way]*gate{}, carried: map[*connection]struct{}{}, listeners: map[string]net.Listener{}, relays: map[string]*relay{}, ids: map[string]uint64{}}
	t.Cleanup(l.close)
	return l
}

// open returns an address that leads to a member, which listens at to: for
// connections, and for datagrams.
func (l *links) open(id uint64, to string) string {
	l.t.Helper()
	address := live.FreeAddress(l.t, &ports)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		l.t.Fatal(err)
	}
	r := newRelay(l, address, id, to)
	l.mu.Lock()
	l.listeners[address], l.relays[address], l.ids[to] = listener, r, id
	l.mu.Unlock()
	l.wg.Go(func() { l.serve(listener, id, to) })
	l.wg.Go(r.run)
	return address
}

func (l *links) serve(listener net.Listener, id uint64, to string) {
	for {
		caller, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			l.wg.Go(func() { l.carry(caller.(*net.TCPConn), id, to) })
		}
	}
}

// shut ends an address, and what came by it.
func (l *links) shut(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if listener := l.listeners[address]; listener != nil {
		listener.Close()
		l.relays[address].close()
		delete(l.listeners, address)
		delete(l.relays, address)
	}
	for c := range l.carried {
		if c.caller.LocalAddr().String() == address {
			c.reset()
		}
	}
}

// listensAt is the member that listens at an address, and sends its datagrams from
// there; 0 if none does.
func (l *links) listensAt(address string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[address]
}

// gate is the one of a way, made when it is first needed.
func (l *links) gate(w way) *gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gates[w]
	if g == nil {
		g = &gate{changed: make(chan struct{})}
		l.gates[w] = g
	}
	return g
}

// cut lets nothing more through between two members: connections are reset, new ones
// too.
func (l *links) cut(w way) {
	g := l.gate(w)
	g.set(broken)
	l.gate(w.back()).set(broken)
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.carried {
		if c.way == w || c.way == w.back() {
			c.reset()
			g.stop()
		}
	}
}

// stops is how often something was not let through at once, in both directions.
func (l *links) stops(w way) int { return l.gate(w).stops() + l.gate(w.back()).stops() }

// hold keeps bytes of one direction, of connections of either side, as a network
// that drops packets does: they come late.
func (l *links) hold(w way) { l.gate(w).set(held) }

// heal opens both directions.
func (l *links) heal(w way) {
	l.gate(w).set(open)
	l.gate(w.back()).set(open)
}

// add notes a connection, unless nothing may be carried any more.
func (l *links) add(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.carried[c] = struct{}{}
	return true
}

func (l *links) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.carried, c)
}

// close ends all connections and waits for their goroutines.
func (l *links) close() {
	l.mu.Lock()
	l.closed = true
	for _, listener := range l.listeners {
		listener.Close()
	}
	for _, r := range l.relays {
		r.close()
	}
	for c := range l.carried {
		c.reset()
	}
	l.mu.Unlock()
	l.wg.Wait()
}
