package httptransport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/trust"
)

// security puts TLS on connections, if there are certificates.
type security struct{ trust.Trust }

// bare is the guard of connections without TLS.
func bare(c config) guard.Guard {
	g := guard.Guard{Scheme: "http", Lack: "connections are not encrypted"}
	if c.TLS != nil {
		g.Scheme = "https"
	}
	return g
}

// listener puts TLS on what the listener accepts.
func (s security) listener(l net.Listener, timeout time.Duration) net.Listener {
	if !s.Proven() {
		return l
	}
	return newHandshakes(l, s.Members, timeout, s.Refusals)
}

// dialer puts TLS on what a client of that peer dials.
func (s security) dialer(t *http.Transport, peer uint64) {
	if !s.Proven() {
		return
	}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := t.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := s.Members.Client(peer)
		if host, _, err := net.SplitHostPort(address); err == nil {
			config.ServerName = host
		}
		held := &heldConn{Conn: c}
		secured := tls.Client(held, config)
		ctx, cancel := context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
		held.hold(s.Members, secured.ConnectionState())
		return secured, nil
	}
}

// heldConn is what TLS is put on: a connection that ends with the authorities of its
// other end, and is forgotten when it is closed.
type heldConn struct {
	net.Conn

	mu      sync.Mutex
	closed  bool
	release func() // nil until hold
}

// hold is called once, when the handshake is done.
func (c *heldConn) hold(members *peertls.Identity, state tls.ConnectionState) {
	// Not through TLS, whose Close may wait for a peer that does not read.
	release := members.Hold(state, func() { _ = c.Conn.Close() })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		release()
	} else {
		c.release = release
	}
}

// Close implements net.Conn.
func (c *heldConn) Close() error {
	c.mu.Lock()
	if c.closed = true; c.release != nil {
		c.release()
	}
	c.mu.Unlock()
	return c.Conn.Close()
}
