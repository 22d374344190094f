package connections

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// A Secured network has the section tls: its connections are of mutual TLS, with
// certificates of members, and callers prove who they are. If it is nil they are not.
type Secured interface {
	Network
	TLS() *TLS
}

// TLS names PEM files, as in the section of the shipped transports.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

// TLSSchema is the JSON Schema of the section.
const TLSSchema = peertls.Schema

// certificates reads the certificates, if the network has some.
func (n *node) certificates(network Network) (*peertls.Identity, error) {
	s, ok := network.(Secured)
	if !ok || s.TLS() == nil {
		return nil, nil
	}
	return peertls.Open(peertls.Files(*s.TLS()), membercert.Name{Cluster: n.opts.ClusterID, Member: n.opts.NodeID}, n.logger)
}

// callerLink is the link of a connection that another node has dialled.
func (n *node) callerLink(raw net.Conn) *link {
	l := newLink(raw)
	if n.identity != nil {
		l.secure(tls.Server(raw, n.identity.Server()))
	}
	l.accepted, l.host = true, hostOf(raw.RemoteAddr())
	return l
}

// dialledLink is the link of a connection to a peer. It has shown who it is, if members do.
func (n *node) dialledLink(ctx context.Context, raw net.Conn, peer uint64) (*link, error) {
	l := newLink(raw)
	if n.identity == nil {
		return l, nil
	}
	conn := tls.Client(raw, n.identity.Client(peer))
	l.secure(conn)
	return l, conn.HandshakeContext(ctx) // the log of why a peer is not reached has its error
}

// secure has the link's bytes go over TLS. It is closed as the connection beneath is, which
// waits for nothing.
func (l *link) secure(conn *tls.Conn) {
	l.tls, l.conn.Conn = conn, conn
	l.r.Reset(l.conn)
}

// shake does the handshake of a caller, in its time.
func (n *node) shake(l *link) error {
	if l.tls == nil {
		return nil
	}
	err := l.tls.HandshakeContext(n.life.Context())
	if err != nil && n.life.Context().Err() == nil {
		n.refusals.Called(l.conn.RemoteAddr().String(), err)
	}
	return err
}

// proves tells why a caller has not shown that it is the member that it says it is.
func (n *node) proves(l *link, member uint64) error {
	if l.tls == nil {
		return nil
	}
	err := n.identity.Speaks(l.tls.ConnectionState(), member)
	if err != nil {
		n.refusals.Called(l.conn.RemoteAddr().String(), err)
	}
	return err
}

// hold ends the connection when the authorities of its certificate are replaced.
func (n *node) hold(l *link) (release func()) {
	if l.tls == nil {
		return func() {}
	}
	return n.identity.Hold(l.tls.ConnectionState(), func() { _ = l.conn.Close() })
}
