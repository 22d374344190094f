package httptransport

import (
	"log/slog"
	"net"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// from is a connection that comes from an address.
type from struct {
	net.Conn
	address string
	closed  bool
}

func (f *from) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(f.address), Port: 1}
}
func (f *from) Close() error { f.closed = true; return nil }

func newLimited(total, each int) *limitedListener {
	return &limitedListener{
		total: total, each: each, open: map[string]int{}, strangers: map[string][]*admittedConn{},
		refusals: refusals.New(slog.New(slog.DiscardHandler), "x"),
	}
}

// arrive is what Accept does with a connection that has come.
func (l *limitedListener) arrive(address string) (c *admittedConn, ok bool) {
	c = &admittedConn{Conn: &from{address: address}, listener: l, host: address}
	ok, oldest := l.admit(c)
	if oldest != nil {
		_ = oldest.Close()
	}
	return c, ok
}

func (c *admittedConn) isClosed() bool { return c.Conn.(*from).closed }

// Strangers of one address keep out neither members nor strangers of another
// one, however many connections they make.
func TestACrowdOfStrangersKeepsNobodyOut(t *testing.T) {
	l := newLimited(8, 6)
	member, _ := l.arrive("10.0.0.1")
	l.mu.Lock()
	l.recognise(member)
	l.mu.Unlock()
	for range 100 {
		if _, ok := l.arrive("10.0.0.9"); !ok {
			t.Fatal("a stranger is not let in for the one before it")
		}
	}
	if l.unknown != 4 || l.all != 5 {
		t.Errorf("%d strangers, %d connections", l.unknown, l.all)
	}
	newcomer, ok := l.arrive("10.0.0.2")
	if !ok || newcomer.isClosed() {
		t.Error("another address finds no place")
	}
	for range 100 {
		l.arrive("10.0.0.9")
	}
	if newcomer.isClosed() || member.isClosed() {
		t.Errorf("closed: the newcomer %t, the member %t", newcomer.isClosed(), member.isClosed())
	}
}

// An address has no more than its places, and what is closed gives its own back,
// once.
func TestConnectionsOfAnAddressAreBounded(t *testing.T) {
	l := newLimited(100, 3)
	var members []*admittedConn
	for range 3 {
		c, _ := l.arrive("10.0.0.1")
		l.mu.Lock()
		l.recognise(c)
		l.mu.Unlock()
		members = append(members, c)
	}
	if _, ok := l.arrive("10.0.0.1"); ok {
		t.Error("a fourth connection of an address that has three")
	}
	_, _ = members[0].Close(), members[0].Close()
	if _, ok := l.arrive("10.0.0.1"); !ok || l.all != 3 || l.unknown != 1 {
		t.Errorf("let in %t, %d connections, %d of strangers", ok, l.all, l.unknown)
	}
}
