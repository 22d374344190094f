package statemachinerpc_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// classed is a Register with classes.
type classed struct {
	*statemachinetest.Register
	list []statemachine.Class
}

func (c classed) Classes() []statemachine.Class { return c.list }

// The classes of a state machine reach the host with the answer to Open, over each
// carrier, and a state machine without any has none.
func TestClassesReachTheHost(t *testing.T) {
	want := []statemachine.Class{
		{Prefix: []byte("admin:"), Role: statemachine.RoleAdminister},
		{Prefix: []byte{0, 0xff}, Query: true, Role: statemachine.RoleRead},
		{Query: true, Role: statemachine.RoleWrite},
	}
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			c := overCarrier(t, carrier, classed{statemachinetest.NewRegister(), want})
			if before := c.Classes(); before != nil {
				t.Errorf("before Open: %v", before)
			}
			if _, err := c.Open(t.Context(), options()); err != nil {
				t.Fatal(err)
			}
			got := c.Classes()
			if len(got) != len(want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for i := range want {
				if string(got[i].Prefix) != string(want[i].Prefix) || got[i].Query != want[i].Query || got[i].Role != want[i].Role {
					t.Errorf("class %d is %v, want %v", i, got[i], want[i])
				}
			}
		})
	}
	plain := over(t, statemachinetest.NewRegister())
	if _, err := plain.Open(t.Context(), options()); err != nil || plain.Classes() != nil {
		t.Errorf("%v, %v", plain.Classes(), err)
	}
}

// A list that breaks a rule is a broken contract, in a plugin of any author: the state
// machine is not open, and the error has the numbers.
// Rule SM-4.
func TestBadClassesAreRefused(t *testing.T) {
	for want, list := range map[string][]statemachine.Class{
		"257 classes, at most 256":                     make([]statemachine.Class, statemachine.MaxClasses+1),
		"prefix of 65 bytes, at most 64":               {{Prefix: make([]byte, 65), Role: statemachine.RoleWrite}},
		"demands role 9":                               {{Role: 9}},
		"lets clients with role 1 (read) propose":      {{Role: statemachine.RoleRead}},
		`classes 1 and 2 of 2 have the same prefix ""`: {{Role: statemachine.RoleWrite}, {Role: statemachine.RoleAdminister}},
	} {
		conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) {
			pluginv1.RegisterStateMachineServer(r, &liar{classes: list})
		})
		c := statemachinerpc.NewClient(conn, plugins.Info{})
		_, err := c.Open(t.Context(), options())
		rpctest.CheckBreach(t, err, "SM-4")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := c.Query(t.Context(), nil); !errors.Is(err, plugins.ErrNotOpen) || c.Classes() != nil {
			t.Errorf("a query of it: %v; its classes: %v", err, c.Classes())
		}
	}
}
