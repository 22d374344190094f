package httptransport

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel() // on an address of its own
	transporttest.Run(t, transporttest.Harness{
		New:    func(*testing.T) transport.Transport { return New(backend.Env{}) },
		Listen: "127.0.0.3:0",
		URL:    func(address string) string { return "http://" + address },
		TCP:    true, Resumes: true,
	})
}
