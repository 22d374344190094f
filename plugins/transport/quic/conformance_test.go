package quictransport

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silence is how long both ends need to give up a connection on which nothing
// goes any more.
const silence = 7 * time.Second

func TestConformance(t *testing.T) {
	t.Parallel() // on an address of its own
	transporttest.Run(t, transporttest.Harness{
		New:    func(*testing.T) transport.Transport { return New(backend.Env{}) },
		Listen: "127.0.0.3:0",
		URL:    func(address string) string { return "quic://" + address },
		UDP:    silence,
	})
}

// With TLS callers that are not members are not heard.
func TestMembersWithTLS(t *testing.T) {
	members := peertlstest.New(t)
	transporttest.RunMembers(t, transporttest.Harness{
		New: func(*testing.T) transport.Transport { return New(backend.Env{}) },
		NodeConfig: func(t *testing.T, cluster, node uint64) []byte {
			return []byte(members.Config(t, membercert.Name{Cluster: cluster, Member: node}))
		},
		Proves: true,
		Listen: "127.0.0.4:0",
		URL:    func(address string) string { return "quic://" + address },
		UDP:    silence,
	})
}
