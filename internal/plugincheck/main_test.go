//go:build linux

package plugincheck

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/plugincheck/brokenmachine"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/sdk"
)

// TestMain makes the test binary three programs: the checking process, a plugin that breaks
// one rule, and the tests.
func TestMain(m *testing.M) {
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "check-tests":
		if err := Serve(context.Background(), os.Stdin, os.Stdout, os.Stderr, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case len(args) == 2 && args[0] == "broken-machine":
		serveMachine(args[1])
	case len(args) == 2 && args[0] == "broken-schema":
		os.Args = os.Args[:1]
		sdk.Serve(sdk.StateMachine("register", func(sdk.Env) statemachine.StateMachine {
			return schemaMachine{brokenmachine.Sound(nil), args[1]}
		}))
	case len(args) == 2 && args[0] == "broken-process":
		brokenProcesses()[args[1]].breaks()
		serveMachine("nothing")
	}
	os.Exit(m.Run())
}

// serveMachine serves a machine with a fault of its own.
func serveMachine(fault string) {
	os.Args = os.Args[:1] // the plugin has no arguments
	sdk.Serve(sdk.StateMachine("register", func(sdk.Env) statemachine.StateMachine {
		m := brokenmachine.Sound(nil)
		brokenmachine.Faults()[fault](m)
		return m
	}))
}

// schemaMachine is a sound machine with a schema of its own.
type schemaMachine struct {
	*brokenmachine.Machine
	schema string
}

// Describe implements statemachine.StateMachine.
func (m schemaMachine) Describe() plugins.Info {
	info := m.Machine.Describe()
	info.ConfigSchema = []byte(m.schema)
	return info
}
