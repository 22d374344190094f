package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/membercert"
)

// A caller is what a request shows of the client that makes it.
type caller struct {
	// address is where the client's connection comes from.
	address net.Addr
	// tls is the state of the connection, with the certificates that the client
	// has shown; nil without TLS.
	tls *tls.ConnectionState
	// connection is the count of it for the limits of clients; nil without limits.
	connection *sharedConnection
	// request is the full name of a method of gRPC, or the path of an HTTP request.
	request string
	// header returns the first value of a field of the request's header; "" if the
	// request has no such field.
	header func(field string) string
}

// An identifier says which client a caller is. Its error refuses the request,
// which is not applied then.
type identifier func(caller) (access.Identity, error)

// byCertificate knows a client by the certificate of its connection, and any
// other one by its address alone. A connection does not speak for a client longer
// than the certificate does.
func byCertificate(c caller) (access.Identity, error) {
	who := access.Identity{Role: access.Administer, Address: addressOf(c.address)}
	if c.tls == nil || len(c.tls.PeerCertificates) == 0 {
		return who, nil
	}
	leaf := c.tls.PeerCertificates[0]
	name, err := membercert.ClientOf(leaf)
	if err != nil {
		return who, detail(errBadCertificate, err.Error())
	}
	if time.Now().After(leaf.NotAfter) {
		return who, outdated(name, leaf.NotAfter)
	}
	who.Name, who.Method = name, "certificate"
	return who, nil
}

// outdated says that the certificate of a client has ended.
func outdated(name string, end time.Time) error {
	return detail(errBadCertificate, fmt.Sprintf("that of %s was valid until %s; connect again with a new one", name, end.UTC().Format(time.RFC3339)))
}

// addressOf is the IP address of a connection's end, in the one form that it has
// here: without port, zone and the prefix of an IPv4 address in IPv6.
func addressOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	return ap.Addr().Unmap().WithZone("").String()
}

// A clientAddr is the remote address of a connection to the client port. The
// address is what gRPC tells its handlers of a connection.
type clientAddr struct {
	net.Addr
	conn *clientConn // nil for connections to the admin port
}

// shared counts the connection for the clients whose requests it carries; nil
// without limits.
func (a clientAddr) shared() *sharedConnection {
	if a.conn == nil {
		return nil
	}
	return a.conn.shared
}

// state is that of a connection to the client port; nil without TLS.
func (a clientAddr) state() *tls.ConnectionState {
	if a.conn == nil || a.conn.secured == nil {
		return nil
	}
	return &a.conn.state
}

// connectionOf is the connection that a request came on.
func connectionOf(ctx context.Context) clientAddr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return clientAddr{}
	}
	if a, ok := p.Addr.(clientAddr); ok {
		return a
	}
	return clientAddr{Addr: p.Addr}
}

// noteConnection makes the connection known to the handlers of HTTP/1.1 as
// gRPC does to its own.
func noteConnection(ctx context.Context, conn net.Conn) context.Context {
	return peer.NewContext(ctx, &peer.Peer{Addr: conn.RemoteAddr()})
}

// known is ctx of a request with the identity of the client that makes it. State
// is that of the connection, if it is not one to the client port.
func (i identifier) known(ctx context.Context, state *tls.ConnectionState, request string, header func(string) string) (context.Context, error) {
	conn := connectionOf(ctx)
	if state == nil {
		state = conn.state()
	}
	who, err := i(caller{address: conn.Addr, tls: state, connection: conn.shared(), request: request, header: header})
	if err != nil {
		return nil, err
	}
	return access.With(ctx, who), nil
}

// ofRPC is known for a call of gRPC.
func (i identifier) ofRPC(ctx context.Context, method string) (context.Context, error) {
	return i.known(ctx, nil, method, func(field string) string {
		if values := metadata.ValueFromIncomingContext(ctx, field); len(values) > 0 {
			return values[0]
		}
		return ""
	})
}

// unary puts the identity into the context of each unary call.
func (i identifier) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := i.ofRPC(ctx, info.FullMethod)
	if err == nil {
		return next(ctx, req)
	}
	if _, ours := info.Server.(hostv1.HostServer); !ours {
		err = statusOf(err) // withFailures does so for ours
	}
	return nil, err
}

// stream puts the identity into the context of each stream.
func (i identifier) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := i.ofRPC(ss.Context(), info.FullMethod)
	if err != nil {
		return statusOf(err)
	}
	return next(srv, knownStream{ss, ctx})
}

// A knownStream is a stream whose client is known.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s knownStream) Context() context.Context { return s.ctx }

// http puts the identity into the context of each HTTP request. Refuse answers
// one whose client cannot be identified.
func (i identifier) http(h http.Handler, refuse func(http.ResponseWriter, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, err := i.known(r.Context(), r.TLS, r.URL.Path, r.Header.Get)
		if err != nil {
			refuse(w, err)
			return
		}
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}
