package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/sdk"
)

// A purse is a state machine in memory: its sum, and the ticks that it was given.
type purse struct {
	*sdk.Memory[coins]
}

type coins struct{ Sum, Ticks uint64 }

func newPurse() *purse {
	return &purse{sdk.InMemory(func(c *coins, e statemachine.Entry) statemachine.Result {
		if e.Tick {
			c.Ticks++
			return statemachine.Result{}
		}
		n, err := strconv.ParseUint(string(e.Data), 10, 32)
		if err != nil || n == 0 {
			return statemachine.Result{Error: "not a number of coins"}
		}
		c.Sum += n
		return statemachine.Result{Data: fmt.Append(nil, c.Sum)}
	})}
}

func (p *purse) Describe() plugins.Info {
	return plugins.Info{Kind: plugins.StateMachine, Name: "purse", Version: "1", Protocols: []uint32{plugins.ProtocolVersion}, StateHash: "json"}
}

func (p *purse) Query(_ context.Context, query []byte) (answer []byte, err error) {
	err = p.Read(func(c *coins) { answer = fmt.Append(nil, c.Sum) })
	if err == nil && len(query) > 0 {
		err = statemachine.ErrInvalidQuery
	}
	return answer, err
}

// A state machine of the sdk's Memory keeps the contract.
func TestMemoryConformance(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.Harness{
		New:     func(testing.TB) statemachine.StateMachine { return newPurse() },
		Command: func(i int) []byte { return fmt.Append(nil, i+1) },
		Refused: []statemachinetest.Refusal{{Name: "no number", Data: []byte("many")}},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			sum, err := sm.Query(ctx, nil)
			return string(sum), err
		},
		BadQueries: [][]byte{[]byte("?")},
	})
}

// A snapshot of another state, of another index, with more after it or cut off is refused.
func TestMemoryRestoresItsOwnSnapshotsAlone(t *testing.T) {
	for text, want := range map[string]error{
		`{"Applied":7,"State":{"Sum":3,"Ticks":1}}`:          nil,
		`{"Applied":8,"State":{"Sum":3,"Ticks":1}}`:          statemachine.ErrBadSnapshot,
		`{"Applied":7,"State":{"Sum":3,"Notes":1}}`:          statemachine.ErrBadSnapshot,
		`{"Applied":7,"State":{"Sum":3,"Ticks":1}} {}`:       statemachine.ErrBadSnapshot,
		`{"Applied":7,"State":{"Sum":3,"Tick`:                statemachine.ErrBadSnapshot,
		`{"Applied":7}`:                                      statemachine.ErrBadSnapshot,
		`{"Applied":7,"State":{"Sum":18446744073709551616}}`: statemachine.ErrBadSnapshot,
		``: statemachine.ErrBadSnapshot,
	} {
		p := newPurse()
		if _, err := p.Open(t.Context(), plugins.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := p.Restore(t.Context(), 7, strings.NewReader(text)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("restore %q: %v, want %v", text, err, want)
		}
	}
}

// States that differ in what a snapshot keeps have other hashes, a state has its hash again after
// a restore, and one that no snapshot can keep has one too: a state machine without ends.
func TestMemoryHashesWhatASnapshotKeeps(t *testing.T) {
	type notes struct {
		By     map[string]float64
		List   []string
		unkept int
	}
	hash := func(state notes) string {
		t.Helper()
		m := sdk.InMemory(func(s *notes, _ statemachine.Entry) statemachine.Result {
			*s = state
			return statemachine.Result{}
		})
		if _, err := m.Open(t.Context(), plugins.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Apply(t.Context(), statemachine.Batch{Entries: []statemachine.Entry{{Index: 1}}, Through: 1}); err != nil {
			t.Fatal(err)
		}
		sum := string(m.StateHash())
		snapshot, err := m.PrepareSnapshot(t.Context())
		if err != nil {
			return sum
		}
		var b bytes.Buffer
		if err := snapshot.Save(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if err := m.Restore(t.Context(), 1, &b); err != nil {
			t.Fatal(err)
		}
		if string(m.StateHash()) != sum {
			t.Errorf("%+v has another hash after a restore", state)
		}
		return sum
	}
	of := hash(notes{By: map[string]float64{"a": 1, "b": 2}})
	if hash(notes{By: map[string]float64{"b": 2, "a": 1}, unkept: 3}) != of {
		t.Error("the hash is of more than a snapshot keeps")
	}
	for _, other := range []notes{
		{By: map[string]float64{"a": 1, "b": 3}},
		{By: map[string]float64{"a": 1}},
		{},
		{By: map[string]float64{"a": 1, "b": 2}, List: []string{""}},
		{By: map[string]float64{"a": math.NaN()}},
	} {
		if hash(other) == of {
			t.Errorf("%+v has the hash of another state", other)
		}
	}
}

// A snapshot has the ticks that were applied, and an entry that the state has is not applied
// again.
func TestMemoryAppliesEachEntryOnce(t *testing.T) {
	p := newPurse()
	if _, err := p.Open(t.Context(), plugins.Options{}); err != nil {
		t.Fatal(err)
	}
	batch := statemachine.Batch{Entries: []statemachine.Entry{{Index: 2, Data: []byte("5")}, {Index: 3, Tick: true}}, Through: 4}
	for i := range 2 {
		results, err := p.Apply(t.Context(), batch)
		if err != nil || results[0].Skipped != (i == 1) || results[1].Skipped != (i == 1) {
			t.Fatalf("apply %d: %v, %v", i+1, results, err)
		}
	}
	snapshot, err := p.PrepareSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := snapshot.Save(t.Context(), &b); err != nil || b.String() != `{"Applied":4,"State":{"Sum":5,"Ticks":1}}` {
		t.Errorf("the snapshot is %s, %v", b.String(), err)
	}
}
