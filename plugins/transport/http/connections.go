package httptransport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
)

// limitedListener bounds connections: all of them, those from one address, and
// among these those on which no member was heard yet. Strangers hold half of the
// places at most. When these are taken, the stranger that has been there for
// longest, of the address that has most of them, goes.
type limitedListener struct {
	net.Listener
	total, each    int
	unacknowledged time.Duration
	refusals       *refusals.Refusals

	mu        sync.Mutex
	all       int
	open      map[string]int             // by IP address
	strangers map[string][]*admittedConn // by IP address, the oldest first
	unknown   int                        // all strangers
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := c.RemoteAddr().String()
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			_ = c.Close()
			continue
		}
		boundSocket(c, l.unacknowledged)
		admitted := &admittedConn{Conn: c, listener: l, host: host}
		ok, oldest := l.admit(admitted)
		if oldest != nil {
			l.refusals.Called(oldest.RemoteAddr().String(), refusals.ErrTooMany)
			_ = oldest.Close()
		}
		if ok {
			return admitted, nil
		}
		l.refusals.Called(address, refusals.ErrTooMany)
		_ = c.Close()
	}
}

// admit gives a connection its place, and returns the one that has to go for it.
func (l *limitedListener) admit(c *admittedConn) (ok bool, oldest *admittedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total || l.open[c.host] >= l.each {
		// Of the strangers of this address one may go for the next; a member's
		// connection, or another address's, does not.
		if len(l.strangers[c.host]) == 0 {
			return false, nil
		}
		oldest = l.strangers[c.host][0]
	} else if l.unknown >= max(1, l.total/2) {
		oldest = l.crowded()
	}
	if oldest != nil {
		l.leave(oldest)
	}
	l.all++
	l.open[c.host]++
	l.unknown++
	l.strangers[c.host] = append(l.strangers[c.host], c)
	return true, oldest
}

// crowded is the oldest stranger of the address with most of them. It needs l.mu.
func (l *limitedListener) crowded() *admittedConn {
	most := ""
	for host, all := range l.strangers {
		if len(all) > len(l.strangers[most]) {
			most = host
		}
	}
	return l.strangers[most][0]
}

// leave takes a connection's place back, once. It needs l.mu.
func (l *limitedListener) leave(c *admittedConn) {
	if c.left {
		return
	}
	c.left = true
	l.all--
	if l.open[c.host]--; l.open[c.host] == 0 {
		delete(l.open, c.host)
	}
	l.recognise(c)
}

// recognise takes a connection off the strangers. It needs l.mu.
func (l *limitedListener) recognise(c *admittedConn) {
	if c.known {
		return
	}
	c.known = true
	l.unknown--
	all := l.strangers[c.host]
	for i := range all {
		if all[i] == c {
			all = append(all[:i], all[i+1:]...)
			break
		}
	}
	if l.strangers[c.host] = all; len(all) == 0 {
		delete(l.strangers, c.host)
	}
}

// admittedConn gives its place back when it is closed.
type admittedConn struct {
	net.Conn
	listener *limitedListener
	host     string
	// left and known are guarded by listener.mu. A connection that has left
	// does not count among the strangers any more.
	left, known bool
}

// Close implements net.Conn.
func (c *admittedConn) Close() error {
	// First, so that a caller that sees the connection close finds a place.
	c.listener.mu.Lock()
	c.listener.leave(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// connectionKey is where a request's context has its connection.
type connectionKey struct{}

// withConnection is the server's ConnContext.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	if held, ok := c.(*heldConn); ok {
		c = held.Conn
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// recognised notes that a member has spoken on the connection of a request.
func recognised(r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*admittedConn); ok {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.listener.recognise(c)
	}
}
