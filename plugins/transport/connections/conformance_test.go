package connections_test

import (
	"context"
	"net"
	"net/url"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/connections"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
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

// secured is that network with certificates.
type secured struct {
	tcp
	files *connections.TLS
}

func (s secured) TLS() *connections.TLS { return s.files }

func newSecured() transport.Transport {
	return connections.New(nil, connections.Backend{
		Info: plugins.Info{
			Kind: plugins.Transport, Name: "tcp", Version: "1", Protocols: []uint32{plugins.ProtocolVersion},
			Capabilities: []plugins.Capability{transport.Scheme("tcp")},
		},
		Configure: func(text []byte) (connections.Network, error) {
			var settings struct {
				TLS *connections.TLS `yaml:"tls"`
			}
			err := section.Decode(text, &settings)
			return secured{files: settings.TLS}, err
		},
	})
}

// With certificates it promises the same, and strangers are refused.
func TestConformanceWithTLS(t *testing.T) {
	members := peertlstest.New(t)
	issue := func(f *peertlstest.Forge) func(*testing.T, uint64, uint64) []byte {
		return func(t *testing.T, cluster, node uint64) []byte {
			return []byte(f.Config(t, membercert.Name{Cluster: cluster, Member: node}))
		}
	}
	h := harness("127.0.0.1:0", func(*testing.T) transport.Transport { return newSecured() })
	h.NodeConfig, h.Proves = issue(members), true
	t.Run("members", func(t *testing.T) { transporttest.RunMembers(t, h) }) // others are not heard
	h.Strangers = []transporttest.Stranger{
		{Name: "of another authority", Config: issue(peertlstest.New(t))},
		{Name: "of another cluster", Cluster: 0xc2, Config: issue(members)},
	}
	transporttest.Run(t, h)
}

// Connections end with the authorities of their certificates.
func TestConnectionsEndWithTheirAuthority(t *testing.T) {
	peertlstest.RunReplaced(t, newSecured, func(address string) string { return "tcp://" + address })
}
