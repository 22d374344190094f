package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// recordHandshake is the first byte of every TLS connection, and of none of HTTP.
const recordHandshake = 0x16

// errWantsTLS: the client does not speak TLS, and the port does. The text is the
// client's to read, and the log's.
var errWantsTLS = errors.New("this port wants TLS: use https:// endpoints, and the options for certificates (--ca, --cert, --key)")

// errHandedOn: the connection is in other hands.
var errHandedOn = errors.New("handed on")

// shake makes the TLS handshake of a connection.
func (s *splitter) shake(c *clientConn) (*tls.Conn, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(c.Conn, first); err != nil {
		return nil, err
	}
	if first[0] != recordHandshake {
		return nil, s.turnAway(c, first)
	}
	secured := tls.Server(partingConn{&begunConn{Conn: c.Conn, seen: first}}, s.tls)
	ctx, cancel := context.WithTimeout(context.Background(), s.firstBytes)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		s.linger(c)
		return nil, err
	}
	return secured, nil
}

// protocolOf is the branch that the handshake has agreed on; nil if the client
// knows nothing of such agreements.
func (s *splitter) protocolOf(secured *tls.Conn) *branch {
	switch secured.ConnectionState().NegotiatedProtocol {
	case protocolHTTP1:
		return s.http1
	case protocolHTTP2:
		return s.http2
	}
	return nil
}

// turnAway tells a client in its own protocol that the port wants TLS.
func (s *splitter) turnAway(c *clientConn, first []byte) error {
	seen, isHTTP2, err := readPreface(c.Conn, first)
	switch {
	case err != nil:
		return err
	case isHTTP2:
		s.failed.note(c.Conn.RemoteAddr(), errWantsTLS)
		_ = c.SetDeadline(time.Time{})
		c.http2 = true // which is counted, as that of others
		s.plain.hand(&begunConn{Conn: c, seen: seen})
		return errHandedOn
	}
	_, _ = io.WriteString(c.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+errWantsTLS.Error()+"\n")
	s.linger(c)
	return errWantsTLS
}

// linger gives a client a moment to read why it is turned away. Bytes that are
// unread when a connection is closed take that along.
func (s *splitter) linger(c *clientConn) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.SetDeadline(time.Now().Add(min(s.firstBytes, lastRead)))
	_, _ = io.CopyN(io.Discard, c.Conn, maxUnwanted)
}

// lastRead is the moment of linger.
const lastRead = 2 * time.Second

// newRefusing makes a gRPC server that answers each call with err, and closes its
// connections soon. If it closed them before any call, clients would come again at
// once.
func newRefusing(err error, l Limits) *grpc.Server {
	return grpc.NewServer(
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return statusOf(err) }),
		grpc.MaxHeaderListSize(headerBytes),
		grpc.MaxConcurrentStreams(16),
		grpc.ConnectionTimeout(l.FirstBytes),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: l.ReservedIdle, MaxConnectionAge: 2 * l.ReservedIdle, MaxConnectionAgeGrace: lastRead,
		}),
	)
}

// failedHandshakes counts and logs the handshakes that have failed.
type failedHandshakes struct {
	log *slog.Logger

	mu     sync.Mutex
	counts map[string]uint64 // by reason
}

// note logs the first one of a reason, and each that doubles their number, so
// that a flood does not fill the log.
func (f *failedHandshakes) note(from net.Addr, err error) {
	reason := handshakeReason(err)
	f.mu.Lock()
	if f.counts == nil {
		f.counts = map[string]uint64{}
	}
	f.counts[reason]++
	n := f.counts[reason]
	f.mu.Unlock()
	if n&(n-1) == 0 {
		f.log.Warn("client refused in the TLS handshake", "address", addressOf(from), "reason", reason, "refused", n, "error", err)
	}
}

// byReason are the counts.
func (f *failedHandshakes) byReason() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}
