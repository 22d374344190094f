package httptransport

import (
	"testing"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// With TLS it promises the same, and strangers are refused.
func TestConformanceWithTLS(t *testing.T) {
	t.Parallel() // on an address of its own
	members := peertlstest.New(t)
	issue := func(f *peertlstest.Forge) func(*testing.T, uint64, uint64) []byte {
		return func(t *testing.T, cluster, node uint64) []byte {
			return []byte(f.Config(t, membercert.Name{Cluster: cluster, Member: node}))
		}
	}
	transporttest.Run(t, transporttest.Harness{
		New:        func(*testing.T) transport.Transport { return New(backend.Env{}) },
		NodeConfig: issue(members),
		Proves:     true,
		Listen:     "127.0.0.4:0",
		URL:        func(address string) string { return "https://" + address },
		TCP:        true,
		Strangers: []transporttest.Stranger{
			{Name: "of another authority", Config: issue(peertlstest.New(t))},
			{Name: "of another cluster", Cluster: 0xc2, Config: issue(members)},
		},
	})
}
