//go:build linux

package linearizability

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// A relay carries the datagrams for a member, and its answers, each by the gate of its
// way. Callers are known by where they listen: they send from there.
type relay struct {
	links  *links
	id     uint64
	to     string
	socket *net.UDPConn

	mu      sync.Mutex
	callers map[netip.AddrPort]*net.UDPConn // the ends at which the member answers each
	closed  bool
}

// mostDatagram is more than any datagram has.
const mostDatagram = 64 << 10

func newRelay(l *links, address string, id uint64, to string) *relay {
	l.t.Helper()
	at, err := net.ResolveUDPAddr("udp", address)
	must(l.t, err)
	socket, err := net.ListenUDP("udp", at)
	must(l.t, err)
	return &relay{links: l, id: id, to: to, socket: socket, callers: map[netip.AddrPort]*net.UDPConn{}}
}

// run carries what comes for the member until close.
func (r *relay) run() {
	buffer := make([]byte, mostDatagram)
	for {
		n, caller, err := r.socket.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		from := r.links.listensAt(caller.String())
		if err != nil || from == 0 || r.links.gate(way{from, r.id}).drops() {
			continue
		}
		end := r.end(caller)
		if end == nil {
			return
		}
		r.carry(n, func() (int, error) { return end.Write(buffer[:n]) })
	}
}

// end is where the member answers a caller; nil after close.
func (r *relay) end(caller netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := r.callers[caller]
	if end != nil || r.closed {
		return end
	}
	conn, err := net.Dial("udp", r.to)
	if err != nil {
		r.links.t.Errorf("no socket for the datagrams to %s: %v", r.to, err)
		return nil
	}
	end = conn.(*net.UDPConn)
	r.callers[caller] = end
	r.links.wg.Go(func() { r.answer(end, caller) })
	return end
}

// answer carries what the member sends to a caller until close.
func (r *relay) answer(end *net.UDPConn, caller netip.AddrPort) {
	buffer := make([]byte, mostDatagram)
	for {
		n, err := end.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		to := r.links.listensAt(caller.String())
		if err != nil || r.links.gate(way{r.id, to}).drops() {
			continue
		}
		r.carry(n, func() (int, error) { return r.socket.WriteToUDPAddrPort(buffer[:n], caller) })
	}
}

// carry counts a datagram of n bytes before it is written: one that was heard has been
// counted. A member that is down takes none.
func (r *relay) carry(n int, write func() (int, error)) {
	r.links.byDatagrams.Add(int64(n))
	if _, err := write(); err != nil {
		r.links.byDatagrams.Add(-int64(n))
	}
}

func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.socket.Close()
	for _, end := range r.callers {
		end.Close()
	}
}
