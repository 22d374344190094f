package frames

import (
	"context"
	"errors"
	"io"
	"net"

	"google.golang.org/grpc/credentials"
)

// Credentials is how the server finds its connections: the credentials of a
// gRPC server see every connection before gRPC does, and may keep it. There is
// no encryption: the socket is private to host and plugin.
func (s *Server) Credentials() credentials.TransportCredentials { return sorter{s} }

// sorter sorts connections by their first bytes.
type sorter struct{ server *Server }

// ServerHandshake implements credentials.TransportCredentials. gRPC bounds it
// with its connection timeout.
func (s sorter) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	first := make([]byte, len(preface)) // gRPC's own preface is longer
	if _, err := io.ReadFull(conn, first); err != nil {
		return nil, nil, err
	}
	if string(first) != preface {
		return &begun{Conn: conn, first: first}, plain{}, nil
	}
	s.server.accept(conn)
	return nil, nil, credentials.ErrConnDispatched
}

// ClientHandshake implements credentials.TransportCredentials.
func (sorter) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("these credentials are a server's")
}

// Info implements credentials.TransportCredentials.
func (sorter) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: plain{}.AuthType()}
}

// Clone implements credentials.TransportCredentials.
func (s sorter) Clone() credentials.TransportCredentials { return s }

// OverrideServerName implements credentials.TransportCredentials.
func (sorter) OverrideServerName(string) error { return nil }

// plain says that a connection is not protected by anything of ours.
type plain struct{ credentials.CommonAuthInfo }

// AuthType implements credentials.AuthInfo.
func (plain) AuthType() string { return "insecure" }

// begun is a connection whose first bytes have been read.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}
