package statemachinerpc_test

import (
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// over returns the host's end of a connection to a plugin that is backend.
func over(t testing.TB, backend statemachine.StateMachine) *statemachinerpc.Client {
	conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { statemachinerpc.Register(r, backend) })
	return statemachinerpc.NewClient(conn, backend.Describe())
}

// A state machine behind RPC promises what a state machine does.
func TestConformance(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.RegisterHarness(func(t testing.TB) statemachine.StateMachine {
		return over(t, statemachinetest.NewRegister())
	}))
}
