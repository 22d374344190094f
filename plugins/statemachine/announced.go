package statemachine

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// CheckAnnounced refuses, as plugins.ErrBadAnswer, a state machine that names a hash of its
// state and is not a Hasher, or announces CapabilityDurable and is not Durable. Both ends of
// a connection call it at Open.
func CheckAnnounced(sm StateMachine) error {
	info := sm.Describe()
	if info.StateHash != "" && hasherOf(sm) == nil {
		return fmt.Errorf("%w: it names the hash %q of its state, and has no method StateHash", plugins.ErrBadAnswer, info.StateHash)
	}
	if _, ok := sm.(Durable); !ok && info.Has(CapabilityDurable) {
		return fmt.Errorf("%w: it announces the capability %s, and has no methods DurableIndex and Sync", plugins.ErrBadAnswer, CapabilityDurable)
	}
	return nil
}
