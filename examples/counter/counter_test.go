package main

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func newCounter() *counter { return &counter{log: slog.New(slog.DiscardHandler)} }

func TestConformance(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.Harness{
		New:     func(testing.TB) statemachine.StateMachine { return newProcess() },
		Command: func(i int) []byte { return strconv.AppendInt(nil, int64(i+1), 10) },
		Refused: []statemachinetest.Refusal{
			{Name: "not a number", Data: []byte("one")},
			{Name: "overflow", Data: []byte("9223372036854775807")},
		},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			value, err := sm.Query(ctx, []byte("value"))
			return string(value), err
		},
		Changed:     func() []byte { return []byte("1") }, // for a build with the tag next
		BadQueries:  [][]byte{[]byte("what?")},
		Checksummed: true,
		Durable:     true,
		Kill:        func(_ testing.TB, sm statemachine.StateMachine) { sm.(*process).kill() },
		LosePower:   func(t testing.TB, sm statemachine.StateMachine) { sm.(*process).losePower(t) },
	})
}
