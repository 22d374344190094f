// Package rpctest connects a client of a plugin with a server in the same
// process, over real gRPC on an in-memory connection: the second of the three
// lanes on which conformance kits run.
package rpctest

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// Dial serves what register adds and returns a connection to it with the
// options of a plugin connection. Both end with the test.
func Dial(t testing.TB, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	t.Helper()
	return DialListener(t, bufconn.Listen(1<<20), register)
}

// Listener is what DialListener needs of a listener.
type Listener interface {
	net.Listener
	DialContext(ctx context.Context) (net.Conn, error)
}

// DialListener is Dial over a listener of the caller's choice.
func DialListener(t testing.TB, l Listener, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(pluginrpc.ServerOptions()...)
	register(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends with Stop
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	opts, err := pluginrpc.DialOptions(plugins.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	opts = append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///plugin", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
