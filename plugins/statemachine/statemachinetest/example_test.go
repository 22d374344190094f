package statemachinetest_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// A state machine's own test is one call of the kit. New and Command are needed; each
// field more lets the kit see more.
func ExampleRun() {
	testConformance := func(t *testing.T) { // func TestConformance(t *testing.T)
		statemachinetest.Run(t, statemachinetest.Harness{
			New:     func(testing.TB) statemachine.StateMachine { return statemachinetest.NewRegister() },
			Command: func(i int) []byte { return fmt.Appendf(nil, "command %d", i) },
			Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
				count, err := sm.Query(ctx, []byte("count"))
				return string(count), err
			},
			BadQueries: [][]byte{[]byte("nonsense")},
		})
	}
	_ = testConformance
}

// A Register shows what a state machine is driven with. Entries that it has applied
// already are skipped, so that a host can replay its log.
func ExampleRegister() {
	ctx := context.Background()
	r := statemachinetest.NewRegister()
	if _, err := r.Open(ctx, plugins.Options{}); err != nil {
		log.Fatal(err)
	}
	defer r.Close(ctx)

	batch := statemachine.Batch{
		Entries: []statemachine.Entry{
			{Index: 7, Data: []byte("a")},
			{Index: 9, Data: []byte(statemachinetest.RefusePrefix + "not today")}, // 8 is the host's own
		},
		Through: 9,
	}
	for range 2 {
		results, err := r.Apply(ctx, batch)
		if err != nil {
			log.Fatal(err)
		}
		for _, result := range results {
			fmt.Printf("%q, refused: %q, skipped: %t\n", result.Data, result.Error, result.Skipped)
		}
	}
	// Output:
	// "1", refused: "", skipped: false
	// "", refused: "not today", skipped: false
	// "", refused: "", skipped: true
	// "", refused: "", skipped: true
}

// A snapshot keeps the state of the moment in which it was prepared, whatever is applied
// while it is saved.
func ExampleRegister_PrepareSnapshot() {
	ctx := context.Background()
	r := statemachinetest.NewRegister()
	apply := func(index uint64) {
		b := statemachine.Batch{Entries: []statemachine.Entry{{Index: index, Data: fmt.Append(nil, index)}}, Through: index}
		if _, err := r.Apply(ctx, b); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := r.Open(ctx, plugins.Options{}); err != nil {
		log.Fatal(err)
	}
	apply(1)
	snapshot, err := r.PrepareSnapshot(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer snapshot.Release()
	apply(2)
	var saved bytes.Buffer
	if err := snapshot.Save(ctx, &saved); err != nil {
		log.Fatal(err)
	}

	other := statemachinetest.NewRegister()
	if _, err := other.Open(ctx, plugins.Options{}); err != nil {
		log.Fatal(err)
	}
	if err := other.Restore(ctx, snapshot.Index(), &saved); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Applied(), other.Applied())
	// Output: 2 1
}
