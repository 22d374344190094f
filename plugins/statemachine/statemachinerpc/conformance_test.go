package statemachinerpc_test

import (
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// over returns the host's end of a connection to a plugin that is backend.
func over(t testing.TB, backend statemachine.StateMachine) *statemachinerpc.Client {
	return overCarrier(t, rpctest.Carriers()["grpc"], backend)
}

func overCarrier(t testing.TB, carrier rpctest.Carrier, backend statemachine.StateMachine) *statemachinerpc.Client {
	conn := carrier(t, func(r grpc.ServiceRegistrar) { statemachinerpc.Register(r, backend) })
	return statemachinerpc.NewClient(conn, backend.Describe())
}

// A state machine over RPC promises what a state machine does.
func TestConformance(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			statemachinetest.Run(t, statemachinetest.RegisterHarness(func(t testing.TB) statemachine.StateMachine {
				r := statemachinetest.NewRegister()
				r.Announce(plugins.Versions{Greatest: 3})
				r.AnnounceHash("digest")
				return overCarrier(t, carrier, r)
			}))
		})
	}
}
