// Command outbox is a state machine plugin with work that the leader's alone does: it sends
// letters when they are due, as a mailer or a scheduler of jobs would.
package main

import (
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/sdk"
)

func main() { sdk.Serve(sdk.StateMachine("outbox", newOutbox)) }

func newOutbox(env sdk.Env) statemachine.StateMachine {
	return &outbox{phase: plugins.ErrNotOpen, mailer: mailer{log: env.Logger, dial: dial, changed: make(chan struct{}, 1)}}
}
