package statemachine

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// CapabilityDurable: the state machine is Durable. Describe says so.
const CapabilityDurable plugins.Capability = "durable"

// Durable is implemented by a state machine that keeps its state on disk. It announces
// CapabilityDurable, and promises more than one without it:
//
//   - after any end of the process, a loss of power too, Open returns an index from the
//     durable one up to the applied one, and the state is exactly that of the index that it
//     returns. An end half-way through an Apply makes no difference;
//   - Restore is atomic: after an end half-way Open finds the state from before it, or the
//     one that was to be restored, and no mixture. Once Restore has returned, its state is
//     durable.
type Durable interface {
	// DurableIndex is the last index whose effect, with that of all entries before it,
	// survives a kill of the process and a loss of power. It is not above the applied
	// index, and falls with a Restore alone. The host asks after Open, after Restore and
	// after each Apply, so it returns at once.
	DurableIndex() uint64
	// Sync makes durable all that was applied when it is called, and returns
	// DurableIndex. It may be called beside everything but Restore, and Apply should not
	// wait for it. The host calls it before it compacts the log beyond the durable
	// index, and before Close.
	Sync(ctx context.Context) (durable uint64, err error)
}

// DurableIndex is the durable index of a state machine that announces CapabilityDurable; 0
// of others.
func DurableIndex(sm StateMachine) uint64 { return durableOf(sm).DurableIndex() }

// Sync syncs a state machine that announces CapabilityDurable. Others are not asked, and it
// is an error that wraps plugins.ErrInvalidArgument.
func Sync(ctx context.Context, sm StateMachine) (durable uint64, err error) {
	return durableOf(sm).Sync(ctx)
}

// durableOf is sm if it announces CapabilityDurable, and else one that keeps nothing.
func durableOf(sm StateMachine) Durable {
	if d, ok := sm.(Durable); ok && sm.Describe().Has(CapabilityDurable) {
		return d
	}
	return notDurable{}
}

type notDurable struct{}

func (notDurable) DurableIndex() uint64 { return 0 }

func (notDurable) Sync(context.Context) (uint64, error) {
	return 0, fmt.Errorf("sync: %w: the state machine does not announce the capability %s", plugins.ErrInvalidArgument, CapabilityDurable)
}
