package transporttest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The reference passes the kit, so the kit asks for nothing impossible.
func TestNetworkConforms(t *testing.T) {
	n := map[string]*Network{}
	Run(t, Harness{
		New: func(t *testing.T) transport.Transport {
			if n[t.Name()] == nil {
				n[t.Name()] = NewNetwork()
			}
			return n[t.Name()].New()
		},
		URL: URL, Proves: true,
	})
}
