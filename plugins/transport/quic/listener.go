package quictransport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/visitors"
)

const (
	// streamWindow is what a stream may have waiting to be read.
	streamWindow = 1 << 20
	// initialPacketSize is the size of datagrams before it is known that the path
	// carries larger ones.
	initialPacketSize = 1200
	// messageStreams is how many unidirectional streams a peer may open: one
	// more than this version needs.
	messageStreams = 4
	// quietBuffers keeps quic-go from printing to standard error that the UDP
	// buffers are smaller than it would like. It knows no other way.
	quietBuffers = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
)

// Listen opens the socket, begins to accept and returns the address.
func (e *endpoint) Listen(ctx context.Context, address string) (string, error) {
	if err := os.Setenv(quietBuffers, "true"); err != nil {
		return "", err
	}
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		return "", guard.ListenFailed(address, err)
	}
	udp := socket{conn.(*net.UDPConn)} // as the network is udp
	e.socket = udp
	e.quic = &quic.Transport{Conn: udp, ConnContext: e.doors.admit, VerifySourceAddress: e.doors.doubtful}
	server := e.security.server()
	listener, err := e.quic.Listen(server, e.quicConfig())
	if err != nil {
		_ = e.quic.Close()
		_ = udp.Close()
		return "", fmt.Errorf("listen on %s: %w", address, err)
	}
	e.Begin()
	e.Life.Go(func() { e.accept(listener) })
	return udp.LocalAddr().String(), nil
}

// quicConfig is that of both ends. Receive windows do not grow, and the
// connection's is the sum of its streams': a stream that is not read has its
// own window full, and takes nothing from the others.
func (e *endpoint) quicConfig() *quic.Config {
	snapshots := int64(e.config.MaxSnapshots) + 1
	all := uint64(snapshots+messageStreams+1) * streamWindow
	return &quic.Config{
		HandshakeIdleTimeout:           max(e.timing.Link, e.timing.Dial),
		MaxIdleTimeout:                 e.timing.Link,
		KeepAlivePeriod:                e.timing.Heartbeat,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         streamWindow,
		InitialConnectionReceiveWindow: all,
		MaxConnectionReceiveWindow:     all,
		MaxIncomingStreams:             snapshots,
		MaxIncomingUniStreams:          messageStreams,
		// QUIC's least: a path that carries IPv6 carries it. quic-go would begin
		// with 1280, which with its headers is 1308, and would never connect
		// where a tunnel leaves less. It finds out by itself where more goes.
		InitialPacketSize: initialPacketSize,
	}
}

// accept serves inbound connections until closing begins.
func (e *endpoint) accept(l *quic.Listener) {
	for {
		conn, err := l.Accept(e.Life.Context())
		if e.Life.Context().Err() != nil {
			closeConn(conn, closeDone, errClosing)
			return
		}
		if err != nil {
			e.Logger.Error("transport stopped listening", "address", e.socket.LocalAddr().String(), "error", err)
			return
		}
		e.Life.Fork(func() { e.serve(conn) })
	}
}

// serve is the life of an inbound connection.
func (e *endpoint) serve(conn *quic.Conn) {
	defer context.AfterFunc(e.Life.Context(), func() { closeConn(conn, closeDone, errClosing) })()
	e.security.hold(conn)
	l, err := e.greet(conn)
	if l != nil {
		if err != nil {
			l.fail(closeProtocol, err)
		}
		l.run()
		return
	}
	e.Logger.Debug("inbound connection refused", "address", conn.RemoteAddr().String(), "error", err)
	// The dialler closes when it has read the answer.
	pause.For(conn.Context(), e.timing.Link)
	closeConn(conn, closeRefused, err)
}

// greet reads the Hello and answers. A link that is returned must be run, also
// if there is an error besides.
func (e *endpoint) greet(conn *quic.Conn) (*link, error) {
	ctx, cancel := context.WithTimeout(e.Life.Context(), e.timing.Link)
	defer cancel()
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.SetDeadline(time.Now().Add(e.timing.Link)); err != nil {
		return nil, err
	}
	defer stream.Close()
	defer stream.CancelRead(streamErrorStop)
	h, err := readHello(stream)
	if err != nil {
		return nil, errors.Join(err, writeGreeting(stream, nil, e.answer(codeRefused, err).encode()))
	}
	l, a := e.judge(conn, h)
	if err := writeGreeting(stream, nil, a.encode()); err != nil {
		return l, err
	}
	if v, ok := conn.Context().Value(visitorKey{}).(*visitors.Visitor); ok && l != nil {
		v.Known()
	}
	return l, a.err(h.from)
}

func readHello(stream *quic.Stream) (hello, error) {
	var kind [1]byte
	if _, err := stream.Read(kind[:]); err != nil {
		return hello{}, err
	}
	if streamKind(kind[0]) != streamGreeting {
		return hello{}, fmt.Errorf("%w: kind %d", errGreetingNeeded, kind[0])
	}
	b, err := readGreeting(stream)
	if err != nil {
		return hello{}, err
	}
	return decodeHello(b)
}

// answer is one that this node gives.
func (e *endpoint) answer(c code, reason error) answer {
	a := answer{code: c, version: protocolVersion, cluster: e.self.cluster, from: e.self.node, run: e.self.run}
	if reason != nil {
		a.text = reason.Error()
	}
	return a
}

// judge decides about a caller. With a welcome there is a link.
func (e *endpoint) judge(conn *quic.Conn, h hello) (*link, answer) {
	if h.oldest > protocolVersion || h.version < oldestVersion {
		return nil, e.answer(codeIncompatible, fmt.Errorf("this node speaks %d to %d", oldestVersion, protocolVersion))
	}
	if h.cluster != e.self.cluster {
		return nil, e.answer(codeOtherCluster, fmt.Errorf("this node is in cluster %x", e.self.cluster))
	}
	if err := e.security.checkCaller(conn.RemoteAddr(), conn.ConnectionState().TLS, h.from); err != nil {
		return nil, e.answer(codeRefused, err)
	}
	if m, removed := e.Roster.Removed(h.from); removed {
		a := e.answer(codeRemoved, nil)
		a.index, a.term = m.Index, m.Term
		return nil, a
	}
	if h.to != e.self.node || h.from == e.self.node {
		a := e.answer(codeNotForMe, fmt.Errorf("this node is %x", e.self.node))
		a.greeting = e.Book.Self()
		return nil, a
	}
	met, refusal := e.meet(conn.RemoteAddr().String(), h)
	if refusal != nil {
		return nil, *refusal
	}
	// Only now: a stranger may be of the cluster that this node should be in.
	if err := e.Belongs(conn.RemoteAddr().String(), h.from); err != nil {
		return nil, e.answer(codeRefused, err)
	}
	l, a := e.welcome(conn, h, met)
	a.greeting = met.Said
	return l, a
}

// welcome gives a caller its link, unless there is a better one.
func (e *endpoint) welcome(conn *quic.Conn, h hello, met greetings.Meeting) (*link, answer) {
	p := e.callerPeer(h, e.Trust.Proven())
	if p == nil {
		return nil, e.answer(codeRefused, errClosing)
	}
	l := newLink(p, conn, h.from, h.run, h.insist, met)
	switch err := p.adopt(l); {
	case errors.Is(err, errConnected):
		return nil, e.answer(codeConnected, nil)
	case err != nil:
		return nil, e.answer(codeRefused, err)
	}
	return l, e.answer(codeWelcome, nil)
}
