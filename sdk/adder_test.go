package sdk_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// The code that readers copy from the examples can be driven by a host.
func TestTheExampleConforms(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.Harness{
		New:     func(testing.TB) statemachine.StateMachine { return newAdder(slog.New(slog.DiscardHandler)) },
		Command: func(i int) []byte { return strconv.AppendInt(nil, int64(i+1), 10) },
		Refused: []statemachinetest.Refusal{{Name: "not a number", Data: []byte("one")}},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			sum, err := sm.Query(ctx, nil)
			return string(sum), err
		},
	})
}
