// Command counter is a state machine plugin as a third party would write one:
// a module of its own that imports the sdk and the contract, nothing else of
// Pontoon. It keeps one number on disk; a command adds to it.
package main

import (
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/sdk"
)

func main() {
	sdk.Serve(sdk.StateMachine("counter", func(env sdk.Env) statemachine.StateMachine {
		return &counter{log: env.Logger}
	}))
}
