package statemachinerpc_test

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// A state machine that names a hash and has no method for it is refused when it is opened, and
// does not end on all members at the first check.
func TestANameWithoutAHashIsRefused(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			r := statemachinetest.NewRegister()
			r.AnnounceHash("digest")
			c := overCarrier(t, carrier, struct{ statemachine.StateMachine }{r})
			if _, err := c.Open(t.Context(), plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Limits: plugins.DefaultLimits()}); err != nil {
				return
			}
			_, err := c.Apply(t.Context(), statemachine.Batch{Through: 1, Hash: true})
			t.Errorf("opened; the first check ends with %v", err)
		})
	}
}
