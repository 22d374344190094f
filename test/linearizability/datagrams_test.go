//go:build linux

package linearizability

import (
	"net"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// Datagrams between members pass their gates as connections do: those that are cut or
// held are kept, counted and not carried, the other direction is not touched, and
// those that come after the end of the fault pass. The number of carried ones tells a
// move to another transport that has come to its end from one that has not.
func TestDatagramsObeyTheirGates(t *testing.T) {
	l := newLinks(t)
	listen := func(at string) *net.UDPConn {
		where, err := net.ResolveUDPAddr("udp", at)
		must(t, err)
		socket, err := net.ListenUDP("udp", where)
		must(t, err)
		t.Cleanup(func() { socket.Close() })
		return socket
	}
	one, other := live.FreeAddress(t, &ports), live.FreeAddress(t, &ports)
	l.open(1, one)
	address, err := net.ResolveUDPAddr("udp", l.open(2, other))
	must(t, err)
	caller, callee := listen(one), listen(other)
	say := func() {
		t.Helper()
		if _, err := caller.WriteTo([]byte("hello"), address); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(socket *net.UDPConn) net.Addr {
		t.Helper()
		must(t, socket.SetReadDeadline(time.Now().Add(live.Patience)))
		_, from, err := socket.ReadFrom(make([]byte, mostDatagram))
		must(t, err)
		return from
	}
	there, back := way{1, 2}, way{2, 1}
	say()
	answers := hear(callee)

	for name, disturb := range map[string]func(way){"cut": l.cut, "held": l.hold} {
		before := l.stops(there)
		disturb(there)
		say()
		live.Eventually(t, "a datagram to be kept by a link that is "+name, func() bool { return l.stops(there) > before })
		l.heal(there)
	}
	l.hold(there)
	if _, err := callee.WriteTo([]byte("hello"), answers); err != nil {
		t.Fatal(err)
	}
	hear(caller)
	l.heal(there)
	if n := l.gate(back).stops(); n != 0 {
		t.Errorf("%d datagrams were kept on the way back", n)
	}

	before := l.byDatagrams.Load()
	say()
	hear(callee)
	if n := l.byDatagrams.Load() - before; n != int64(len("hello")) {
		t.Errorf("%d bytes were carried, want those of one datagram", n)
	}
	only := l.carryOnlyBy("quic")
	for others, want := range map[int64]bool{0: true, 1: false} {
		only()
		say()
		hear(callee)
		l.byStreams.Add(others)
		if only() != want {
			t.Errorf("with datagrams, and %d bytes of connections, only datagrams are carried: %v", others, !want)
		}
	}
	must(t, callee.SetReadDeadline(time.Now()))
	if _, _, err := callee.ReadFrom(make([]byte, mostDatagram)); err == nil {
		t.Error("what was kept came late")
	}
}
