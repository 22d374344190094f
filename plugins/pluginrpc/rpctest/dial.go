// Package rpctest connects a client of a plugin with a server in the same
// process: the second of the three lanes on which conformance kits run. It has
// two carriers: gRPC alone, as plugins in other languages speak it, and gRPC
// with frames beside it, as those do that use the sdk.
package rpctest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
)

// A Carrier serves what register adds and returns a connection to it. Both end
// with the test.
type Carrier func(t testing.TB, register func(grpc.ServiceRegistrar)) grpc.ClientConnInterface

// Carriers are the ways in which the streams of a plugin may travel, by name.
func Carriers() map[string]Carrier {
	return map[string]Carrier{
		"grpc": func(t testing.TB, register func(grpc.ServiceRegistrar)) grpc.ClientConnInterface {
			return Dial(t, register)
		},
		"frames": func(t testing.TB, register func(grpc.ServiceRegistrar)) grpc.ClientConnInterface {
			return DialFrames(t, register)
		},
	}
}

// Dial serves what register adds and returns a connection to it with the
// options of a plugin connection. Both end with the test.
func Dial(t testing.TB, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	t.Helper()
	return DialListener(t, bufconn.Listen(1<<20), register)
}

// DialFrames is Dial on a unix socket, with frames for streams.
func DialFrames(t testing.TB, register func(grpc.ServiceRegistrar)) *frames.Conn {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "frames")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	socket := unixListener{l}
	streams := frames.NewServer()
	conn := dial(t, socket, func(r grpc.ServiceRegistrar) { register(streams.With(r)) }, grpc.Creds(streams.Credentials()))
	beside, err := frames.NewConn(conn, plugins.Limits{}, socket.DialContext)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		beside.Close()
		streams.Close()
	})
	return beside
}

// unixListener is a plugin's socket.
type unixListener struct{ net.Listener }

// DialContext implements Listener.
func (l unixListener) DialContext(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
}

// Listener is what DialListener needs of a listener.
type Listener interface {
	net.Listener
	DialContext(ctx context.Context) (net.Conn, error)
}

// DialListener is Dial over a listener of the caller's choice.
func DialListener(t testing.TB, l Listener, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	t.Helper()
	return dial(t, l, register)
}

// Serve serves what register adds, with the options of a plugin's server, until
// the test ends.
func Serve(t testing.TB, l net.Listener, register func(grpc.ServiceRegistrar), more ...grpc.ServerOption) {
	t.Helper()
	server := grpc.NewServer(append(pluginrpc.ServerOptions(), more...)...)
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
}

func dial(t testing.TB, l Listener, register func(grpc.ServiceRegistrar), more ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	Serve(t, l, register, more...)
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
