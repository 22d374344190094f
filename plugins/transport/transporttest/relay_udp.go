package transporttest

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A UDPRelay stands in front of a UDP socket. Its packets can be lost, and can
// come from another port than before, as those of a router that translates
// addresses.
type UDPRelay struct {
	target  *net.UDPAddr
	front   *net.UDPConn
	silence time.Duration
	running sync.WaitGroup

	mu     sync.Mutex
	lost   bool // nothing goes through
	widest int  // larger datagrams do not go through; 0: all do
	closed bool
	heal   *time.Timer // ends a Break
	flows  map[netip.AddrPort]*net.UDPConn
}

// NewUDPRelay starts a relay to the address. Break lasts for silence. The
// relay ends with the test.
func NewUDPRelay(t *testing.T, target string, silence time.Duration) *UDPRelay {
	t.Helper()
	address, err := net.ResolveUDPAddr("udp", target)
	if err != nil {
		t.Fatalf("start relay: %v", err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(inFrontOf(target))})
	if err != nil {
		t.Fatalf("start relay: %v", err)
	}
	r := &UDPRelay{target: address, front: front, silence: silence, flows: map[netip.AddrPort]*net.UDPConn{}}
	r.running.Go(r.forward)
	t.Cleanup(r.close)
	return r
}

// Address is where the relay listens.
func (r *UDPRelay) Address() string { return r.front.LocalAddr().String() }

// Stall is Cut: datagrams that do not go on are lost.
func (r *UDPRelay) Stall() { r.Cut() }

// Cut loses everything until Heal.
func (r *UDPRelay) Cut() { r.set(true, 0) }

// Heal ends Cut and Break.
func (r *UDPRelay) Heal() { r.set(false, 0) }

// Break loses everything for so long that both ends give up their connections.
func (r *UDPRelay) Break() { r.set(true, r.silence) }

// set loses everything, or nothing, and changes that after d, if it is not 0.
func (r *UDPRelay) set(lost bool, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = lost
	if r.heal != nil {
		r.heal.Stop()
		r.heal = nil
	}
	if d > 0 && !r.closed {
		r.heal = time.AfterFunc(d, r.Heal)
	}
}

// Narrow loses the datagrams with more than n bytes, both ways, from now on: a
// path whose MTU is n and the headers of UDP and IP, and that says nothing of
// it. 0 ends it.
func (r *UDPRelay) Narrow(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.widest = n
}

// fits reports whether a datagram of n bytes may go on. It needs r.mu.
func (r *UDPRelay) fits(n int) bool { return r.widest == 0 || n <= r.widest }

// Rebind lets all that is under way come from other ports from now on.
func (r *UDPRelay) Rebind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
}

// forget needs r.mu.
func (r *UDPRelay) forget() {
	for from, flow := range r.flows {
		_ = flow.Close()
		delete(r.flows, from)
	}
}

func (r *UDPRelay) close() {
	r.Heal()
	r.mu.Lock()
	r.closed = true
	r.forget()
	r.mu.Unlock()
	_ = r.front.Close()
	r.running.Wait()
}

// forward carries datagrams to the target.
func (r *UDPRelay) forward() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if flow := r.flow(from, n); flow != nil {
			_, _ = flow.Write(buf[:n])
		}
	}
}

// flow is the socket for a sender's datagram of n bytes; nil if it is lost.
func (r *UDPRelay) flow(from netip.AddrPort, n int) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost || r.closed || !r.fits(n) {
		return nil
	}
	if flow := r.flows[from]; flow != nil {
		return flow
	}
	flow, err := net.DialUDP("udp", nil, r.target)
	if err != nil {
		return nil
	}
	r.flows[from] = flow
	r.running.Go(func() { r.back(flow, from) })
	return flow
}

// back carries datagrams back to a sender.
func (r *UDPRelay) back(flow *net.UDPConn, to netip.AddrPort) {
	buf := make([]byte, 64<<10)
	for {
		n, err := flow.Read(buf)
		r.mu.Lock()
		lost, closed := r.lost || !r.fits(n), r.closed || r.flows[to] != flow
		r.mu.Unlock()
		if closed {
			return
		}
		if err == nil && !lost {
			_, _ = r.front.WriteToUDPAddrPort(buf[:n], to)
		}
	}
}
