package transportrpc_test

import (
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// overCarrier returns the host's end of a connection to a plugin that is
// backend.
func overCarrier(t testing.TB, carrier rpctest.Carrier, backend transport.Transport) *transportrpc.Client {
	conn := carrier(t, func(r grpc.ServiceRegistrar) { transportrpc.Register(r, backend) })
	return transportrpc.NewClient(conn, backend.Describe())
}

// A transport over RPC promises what a transport does.
func TestConformance(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			networks := map[string]*transporttest.Network{}
			transporttest.Run(t, transporttest.Harness{
				New: func(t *testing.T) transport.Transport {
					if networks[t.Name()] == nil {
						networks[t.Name()] = transporttest.NewNetwork()
					}
					return overCarrier(t, carrier, networks[t.Name()].New())
				},
				URL: transporttest.URL,
			})
		})
	}
}
