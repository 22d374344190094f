package connections_test

import (
	"context"
	"net"
	"net/url"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/connections"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tcp is the smallest network.
type tcp struct{}

func (tcp) Listen(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	return c.Listen(ctx, "tcp", address)
}

func (tcp) Dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", u.Host)
}

func newTCP() transport.Transport {
	return connections.New(nil, connections.Backend{
		Info: plugins.Info{
			Kind: plugins.Transport, Name: "tcp", Version: "1", Protocols: []uint32{plugins.ProtocolVersion},
			Capabilities: []plugins.Capability{transport.Scheme("tcp")},
		},
		Configure: func([]byte) (connections.Network, error) { return tcp{}, nil },
	})
}

func harness(listen string, create func(*testing.T) transport.Transport) transporttest.Harness {
	return transporttest.Harness{
		New: create, Listen: listen, TCP: true,
		URL: func(address string) string { return "tcp://" + address },
	}
}

// Twenty lines that dial and listen are a transport that passes the kit.
func TestConformance(t *testing.T) {
	transporttest.Run(t, harness("127.0.0.1:0", func(*testing.T) transport.Transport { return newTCP() }))
}

// Over RPC it promises the same, also of messages that were on their way to the plugin when
// a connection broke.
func TestConformanceOverRPC(t *testing.T) {
	transporttest.Run(t, harness("127.0.0.1:0", func(t *testing.T) transport.Transport {
		b := newTCP()
		conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { transportrpc.Register(r, b) })
		return transportrpc.NewClient(conn, b.Describe())
	}))
}
