package statemachinerpc_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// A state machine on disk over RPC keeps what a state machine on disk does.
func TestConformanceOnDisk(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			disk := statemachinetest.NewDisk()
			var backends sync.Map // by the host's end
			backend := func(sm statemachine.StateMachine) *statemachinetest.Register {
				b, _ := backends.Load(sm)
				return b.(*statemachinetest.Register)
			}
			h := statemachinetest.RegisterHarness(func(t testing.TB) statemachine.StateMachine {
				r := statemachinetest.NewRegister()
				r.KeepOn(disk)
				c := overCarrier(t, carrier, r)
				backends.Store(c, r)
				return c
			})
			h.Durable = true
			h.Kill = func(_ testing.TB, sm statemachine.StateMachine) { backend(sm).Crash() }
			h.LosePower = func(_ testing.TB, sm statemachine.StateMachine) { backend(sm).LosePower() }
			statemachinetest.Run(t, h)
		})
	}
}

// boaster is a Register on a disk that says another durable index than it has.
type boaster struct {
	*statemachinetest.Register
	says   func() uint64
	synced func() uint64
}

func (l *boaster) DurableIndex() uint64                 { return l.says() }
func (l *boaster) Sync(context.Context) (uint64, error) { return l.synced(), nil }

// A durable index that cannot be is a breach, which ends the plugin: above what is applied, less
// than before, not that of the snapshot after a Restore, and after a Sync less than was
// applied before it. Rules SM-49, SM-51 and SM-52.
func TestADurableIndexThatCannotBeIsABreach(t *testing.T) {
	ctx := t.Context()
	through := func(c statemachine.StateMachine, index uint64) error {
		_, err := c.Apply(ctx, statemachine.Batch{Through: index})
		return err
	}
	for name, tc := range map[string]struct {
		rule string
		do   func(l *boaster, c statemachine.StateMachine) error
	}{
		"more than is applied": {"SM-49", func(l *boaster, c statemachine.StateMachine) error {
			l.says = func() uint64 { return 4 }
			return through(c, 3)
		}},
		"less than before": {"SM-49", func(l *boaster, c statemachine.StateMachine) error {
			l.says = func() uint64 { return 3 }
			if err := through(c, 3); err != nil {
				t.Error(err)
			}
			l.says = func() uint64 { return 2 }
			return through(c, 4)
		}},
		"not the snapshot's": {"SM-51", func(l *boaster, c statemachine.StateMachine) error {
			if err := through(c, 3); err != nil {
				t.Error(err)
			}
			s, err := c.PrepareSnapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Release()
			var saved bytes.Buffer
			if err := s.Save(ctx, &saved); err != nil {
				t.Fatal(err)
			}
			l.says = func() uint64 { return 2 }
			return c.Restore(ctx, 3, &saved)
		}},
		"less than was applied before the Sync": {"SM-52", func(l *boaster, c statemachine.StateMachine) error {
			l.synced = func() uint64 { return 2 }
			_, err := statemachine.Sync(ctx, c)
			return errors.Join(through(c, 3), err, second(statemachine.Sync(ctx, c)))
		}},
		"more than is applied after the Sync": {"SM-52", func(l *boaster, c statemachine.StateMachine) error {
			l.synced = func() uint64 { return 9 }
			return errors.Join(through(c, 3), second(statemachine.Sync(ctx, c)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := statemachinetest.NewRegister()
			r.KeepOn(statemachinetest.NewDisk())
			l := &boaster{r, func() uint64 { return 0 }, func() uint64 { return 0 }}
			c := over(t, l)
			if _, err := c.Open(ctx, options()); err != nil {
				t.Fatal(err)
			}
			if err := tc.do(l, c); !errors.Is(err, plugins.ErrBadAnswer) || !strings.Contains(err.Error(), tc.rule) {
				t.Errorf("%v, want a breach of %s", err, tc.rule)
			}
		})
	}
}

func second(_ uint64, err error) error { return err }

// An answer of Apply that was made before a Sync, and comes after its answer, is not a breach.
func TestASyncMayOvertakeAnAnswer(t *testing.T) {
	ctx := t.Context()
	r := statemachinetest.NewRegister()
	r.KeepOn(statemachinetest.NewDisk())
	c := over(t, &boaster{r, func() uint64 { return 0 }, func() uint64 { return 3 }})
	if _, err := c.Open(ctx, options()); err != nil {
		t.Fatal(err)
	}
	a, err := c.Applier(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Submit(statemachine.Batch{Through: 3}, false); err != nil {
		t.Fatal(err)
	}
	if err := r.WaitApplied(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if durable, err := statemachine.Sync(ctx, c); durable != 3 || err != nil {
		t.Fatalf("Sync = %d, %v", durable, err)
	}
	if out, err := a.Recv(); err != nil || out.Durable != 3 {
		t.Errorf("Recv: durable index %d, %v", out.Durable, err)
	}
}

// The capability without its methods is refused at Open, and methods without the capability do
// not count.
func TestTheCapabilityDecides(t *testing.T) {
	ctx := t.Context()
	r := statemachinetest.NewRegister()
	r.KeepOn(statemachinetest.NewDisk())
	if _, err := over(t, struct{ statemachine.StateMachine }{r}).Open(ctx, options()); err == nil || !strings.Contains(err.Error(), "durable") {
		t.Errorf("Open of one without methods: %v", err)
	}
	plain := statemachinetest.NewRegister()
	c := over(t, &boaster{plain, func() uint64 { return 99 }, func() uint64 { return 99 }})
	if _, err := c.Open(ctx, options()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sync(ctx); statemachine.DurableIndex(c) != 0 || !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("durable index %d, Sync: %v", statemachine.DurableIndex(c), err)
	}
}

// A host gives up a Sync that hangs, and asks again. The backend has one at a time, however often
// that is: calls do not heap up in it.
func TestSyncsComeOneAtATime(t *testing.T) {
	r := statemachinetest.NewRegister()
	r.KeepOn(statemachinetest.NewDisk())
	var under, most atomic.Int32
	begun, release := make(chan struct{}, 3), make(chan struct{})
	c := over(t, &boaster{r, func() uint64 { return 0 }, func() uint64 {
		most.Store(max(most.Load(), under.Add(1)))
		defer under.Add(-1)
		begun <- struct{}{}
		<-release
		return 0
	}})
	if _, err := c.Open(t.Context(), options()); err != nil {
		t.Fatal(err)
	}
	first, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := c.Sync(first)
		given <- err
	}()
	<-begun
	cancel()
	if err := <-given; err == nil {
		t.Error("a Sync that was given up has an answer")
	}
	second := make(chan error, 1)
	go func() {
		_, err := c.Sync(t.Context())
		second <- err
	}()
	select {
	case <-begun:
		t.Error("a second Sync runs beside the first")
	case <-time.After(100 * time.Millisecond): // a failure that is missed is not a false alarm
	}
	close(release)
	if err := <-second; err != nil || most.Load() != 1 {
		t.Errorf("the second Sync: %v, %d at a time", err, most.Load())
	}
}
