package httptransport

import (
	"log/slog"
	"net"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/visitors"
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
	return &limitedListener{visitors: visitors.New(total, each), refusals: refusals.New(slog.New(slog.DiscardHandler), "x")}
}

// arrive is what Accept does with a connection that has come.
func (l *limitedListener) arrive(address string) (c *admittedConn, ok bool) {
	c = l.admit(&from{address: address})
	return c, c != nil
}

func (c *admittedConn) isClosed() bool { return c.Conn.(*from).closed }

// Strangers of one address keep out neither members nor strangers of another
// one, however many connections they make.
func TestACrowdOfStrangersKeepsNobodyOut(t *testing.T) {
	l := newLimited(8, 6)
	member, _ := l.arrive("10.0.0.1")
	member.visitor.Known()
	for range 100 {
		if _, ok := l.arrive("10.0.0.9"); !ok {
			t.Fatal("a stranger is not let in for the one before it")
		}
	}
	if all, strangers, _ := l.visitors.Count(""); strangers != 4 || all != 5 {
		t.Errorf("%d strangers, %d connections", strangers, all)
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
		c.visitor.Known()
		members = append(members, c)
	}
	if _, ok := l.arrive("10.0.0.1"); ok {
		t.Error("a fourth connection of an address that has three")
	}
	_, _ = members[0].Close(), members[0].Close()
	_, ok := l.arrive("10.0.0.1")
	if all, strangers, _ := l.visitors.Count(""); !ok || all != 3 || strangers != 1 {
		t.Errorf("let in %t, %d connections, %d of strangers", ok, all, strangers)
	}
}
