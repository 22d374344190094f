package httptransport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/visitors"
)

// limitedListener bounds connections, and ends strangers for others.
type limitedListener struct {
	net.Listener
	visitors       *visitors.Visitors
	unacknowledged time.Duration
	refusals       *refusals.Refusals
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		boundSocket(c, l.unacknowledged)
		if admitted := l.admit(c); admitted != nil {
			return admitted, nil
		}
		_ = c.Close()
	}
}

// admit gives a connection its place; nil if there is none.
func (l *limitedListener) admit(c net.Conn) *admittedConn {
	address := c.RemoteAddr().String()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	admitted := &admittedConn{Conn: c}
	admitted.visitor = l.visitors.Enter(host, func() {
		l.refusals.Called(address, refusals.ErrTooMany)
		_ = admitted.Close()
	})
	if admitted.visitor == nil {
		l.refusals.Called(address, refusals.ErrTooMany)
		return nil
	}
	return admitted
}

// admittedConn gives its place back when it is closed.
type admittedConn struct {
	net.Conn
	visitor *visitors.Visitor
}

// Close implements net.Conn.
func (c *admittedConn) Close() error {
	c.visitor.Leave() // first, so that a caller that sees the connection close finds a place
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
		c.visitor.Known()
	}
}
