package statemachinerpc_test

import (
	"bytes"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// waiter is a Register that waits for ten times what it has applied, and one.
type waiter struct {
	*statemachinetest.Register
	silent bool // it does not announce that
}

func (w waiter) NextTimer() uint64 { return 10*w.Applied() + 1 }

func (w waiter) Describe() plugins.Info {
	info := w.Register.Describe()
	if !w.silent {
		info.Capabilities = append(info.Capabilities, statemachine.CapabilityTimers)
	}
	return info
}

// The timer of a state machine reaches the host with each answer, over each carrier; that of
// one that has not announced it does not.
// Rule SM-18.
func TestTheTimerReachesTheHost(t *testing.T) {
	ctx := t.Context()
	for name, carrier := range rpctest.Carriers() {
		for _, silent := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				c := overCarrier(t, carrier, waiter{statemachinetest.NewRegister(), silent})
				is := func(what string, got, want uint64) {
					t.Helper()
					if silent {
						want = 0
					}
					if got != want {
						t.Errorf("%s: it waits for %d, want %d", what, got, want)
					}
				}
				if _, err := c.Open(ctx, options()); err != nil {
					t.Fatal(err)
				}
				is("after Open", statemachine.NextTimer(c), 1)
				entries := []statemachine.Entry{{Index: 1, Data: []byte("a")}, {Index: 2, Time: 5, Tick: true}}
				if _, err := c.Apply(ctx, statemachine.Batch{Entries: entries, Through: 2}); err != nil {
					t.Fatal(err)
				}
				is("after Apply", statemachine.NextTimer(c), 21)
				s, err := c.PrepareSnapshot(ctx)
				if err != nil {
					t.Fatal(err)
				}
				var state bytes.Buffer
				if err := s.Save(ctx, &state); err != nil {
					t.Fatal(err)
				}
				s.Release()
				a, err := c.Applier(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Submit(statemachine.Batch{Through: 7}, false); err != nil {
					t.Fatal(err)
				}
				out, err := a.Recv()
				if err != nil {
					t.Fatal(err)
				}
				is("with an outcome", out.Wake, 71)
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
				_, _ = a.Recv() // io.EOF
				if err := c.Restore(ctx, 2, &state); err != nil {
					t.Fatal(err)
				}
				is("after Restore", statemachine.NextTimer(c), 21)
			})
		}
	}
}
