package api

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
)

// A clientConn gives back the bytes that were read to find its protocol, and its
// place under the connection limit once closed.
type clientConn struct {
	net.Conn
	since   time.Time // of Accept
	seen    seenBytes
	secured *tls.Conn           // nil without TLS
	state   tls.ConnectionState // of secured
	shown   atomic.Pointer[certfiles.Shown]
	place   *place // nil unless reserved
	shared  *sharedConnection
	meter   *meter        // of its frames
	http2   bool          // and not HTTP/1.1
	closed  chan struct{} // closed by release
	release func()
}

// RemoteAddr implements net.Conn.
func (c *clientConn) RemoteAddr() net.Addr { return clientAddr{Addr: c.Conn.RemoteAddr(), conn: c} }

// Read implements net.Conn.
func (c *clientConn) Read(b []byte) (int, error) {
	if len(c.seen) > 0 {
		return c.seen.take(b), nil
	}
	n, err := c.carrier().Read(b)
	if c.http2 && n > 0 && err == nil {
		err = c.meter.read(b[:n])
	}
	return n, err
}

// carrier is what the bytes of requests and answers go over.
func (c *clientConn) carrier() net.Conn {
	if c.secured != nil {
		return c.secured
	}
	return c.Conn
}

// Write implements net.Conn.
func (c *clientConn) Write(b []byte) (int, error) {
	if !c.http2 {
		return writePaced(c.carrier(), b)
	}
	n, err := c.carrier().Write(b)
	c.meter.wrote(b[:n])
	return n, err
}

// Close implements net.Conn.
func (c *clientConn) Close() error {
	defer c.release()
	return c.carrier().Close()
}

// A close waits for goodbye at most for a client that does not read. The word of TLS that a
// connection ends goes out at once where there is room for it.
const goodbye = time.Millisecond

// TLS runs over a partingConn. TLS sets a deadline only for its goodbye, of five
// seconds: those closed next, by a bound or a stop, would wait for it too.
type partingConn struct{ net.Conn }

// SetWriteDeadline implements net.Conn.
func (c partingConn) SetWriteDeadline(t time.Time) error {
	if soon := time.Now().Add(goodbye); t.After(soon) {
		t = soon
	}
	return c.Conn.SetWriteDeadline(t)
}

// A begunConn gives back the bytes that were read before it was handed on.
type begunConn struct {
	net.Conn
	seen seenBytes
}

// Read implements net.Conn.
func (c *begunConn) Read(b []byte) (int, error) {
	if len(c.seen) > 0 {
		return c.seen.take(b), nil
	}
	return c.Conn.Read(b)
}

// seenBytes are those that were read ahead of a connection's reader.
type seenBytes []byte

// take gives as many of them to the reader as b has room for.
func (s *seenBytes) take(b []byte) int {
	n := copy(b, *s)
	*s = (*s)[n:]
	return n
}
