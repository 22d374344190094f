package api

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc/peer"

	"github.com/pontoon-raft/pontoon/core/server"
)

// reservedConnections are taken beyond Limits.MaxConnections, for
// administration alone: clients that hold all others do not keep an operator
// out.
const reservedConnections = 16

// A reservedAddr is the remote address of a connection that came when the limit
// was reached. The address is what gRPC tells its handlers of a connection.
type reservedAddr struct {
	net.Addr
	full func() bool // the limit is still reached
}

// noteConnection makes the connection known to the handlers of HTTP/1.1 as
// gRPC does to its own.
func noteConnection(ctx context.Context, conn net.Conn) context.Context {
	return peer.NewContext(ctx, &peer.Peer{Addr: conn.RemoteAddr()})
}

// forClients refuses proposals and queries on a reserved connection, as long as the limit
// is reached.
func (r *requests) forClients(ctx context.Context) error {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	if addr, reserved := p.Addr.(reservedAddr); !reserved || !addr.full() {
		return nil
	}
	return &server.Error{
		Err:        server.ErrTooManyRequests,
		Detail:     fmt.Sprintf("%d client connections are open; beyond that only administration is served", r.limits.MaxConnections),
		RetryAfter: fullRetryAfter,
	}
}
