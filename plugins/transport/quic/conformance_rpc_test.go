package quictransport

import (
	"testing"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// Over RPC it promises the same, also of messages that were on their way to
// the plugin when a connection broke.
func TestConformanceOverRPC(t *testing.T) {
	t.Parallel() // on an address of its own
	transporttest.Run(t, transporttest.Harness{
		New: func(t *testing.T) transport.Transport {
			b := New(backend.Env{})
			conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { transportrpc.Register(r, b) })
			return transportrpc.NewClient(conn, b.Describe())
		},
		Listen: "127.0.0.2:0",
		URL:    func(address string) string { return "quic://" + address },
		UDP:    silence,
	})
}
