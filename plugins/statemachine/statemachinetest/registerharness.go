package statemachinetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// RegisterHarness returns the harness of a Register that is made and reached by
// create: directly, or through whatever is under test. It is also the shortest
// example of a complete harness.
func RegisterHarness(create func(testing.TB) statemachine.StateMachine) Harness {
	return Harness{
		New:     create,
		Command: func(i int) []byte { return fmt.Appendf(nil, "command %d", i) },
		Refused: []Refusal{{Name: "by prefix", Data: []byte(RefusePrefix + "no")}},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			text, err := sm.Query(ctx, []byte("count"))
			return string(text), err
		},
		Moment: func(ctx context.Context, sm statemachine.StateMachine) (term, time uint64, err error) {
			text, err := sm.Query(ctx, []byte("moment"))
			if err == nil {
				_, err = fmt.Sscan(string(text), &term, &time)
			}
			return term, time, err
		},
		Changed:    func() []byte { return []byte(VersionPrefix) },
		Stream:     func() []byte { return []byte("all") },
		BadQueries: [][]byte{nil, []byte("nonsense"), []byte("at x")},
		Sized:      func(n int) []byte { return make([]byte, n) },
		Answering:  func(n int) []byte { return fmt.Appendf(nil, "%s%d", ResultPrefix, n) },
	}
}
