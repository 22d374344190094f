package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// syncingMachine is a Register on a disk that says what it was asked for at its end.
type syncingMachine struct {
	*statemachinetest.Register
	mu    sync.Mutex
	calls []string
	sync  func(context.Context) error // comes first; may be nil
}

func (m *syncingMachine) note(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call)
}

// asked is what it was asked for, without what a backend inside the host is asked for again.
func (m *syncingMachine) asked() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(slices.Compact(slices.Clone(m.calls)), " ")
}

func (m *syncingMachine) Sync(ctx context.Context) (uint64, error) {
	m.note("Sync")
	if m.sync != nil {
		if err := m.sync(ctx); err != nil {
			return 0, err
		}
	}
	return m.Register.Sync(ctx)
}

func (m *syncingMachine) Close(ctx context.Context) error {
	m.note("Close")
	return m.Register.Close(ctx)
}

// A stop has a durable state machine sync before it is closed. One that fails, or does not
// answer, is told once, and the stop goes on.
func TestAStopSyncs(t *testing.T) {
	released := make(chan struct{})
	defer close(released)
	for name, tc := range map[string]struct {
		sync   func(context.Context) error
		failed string
	}{
		"well":     {nil, ""},
		"failing":  {func(context.Context) error { return errors.New("disk full") }, "disk full"},
		"slow":     {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "deadline"},
		"for ever": {func(context.Context) error { <-released; return nil }, "did not end"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &syncingMachine{Register: statemachinetest.NewRegister(), sync: tc.sync}
			m.KeepOn(statemachinetest.NewDisk())
			c := newCluster(t, 1, func(cfg *core.Config) {
				cfg.Backends[1] = backend.StateMachine("register", func(backend.Env) statemachine.StateMachine { return m })
			})
			c.leader()
			if _, err := c.service(1).Propose(t.Context(), []byte("a")); err != nil {
				t.Fatal(err)
			}
			begun, log := time.Now(), c.nodes[1].log
			if err := c.nodes[1].host.Stop(context.Background()); err != nil {
				t.Errorf("the stop gave %v", err)
			}
			if took := time.Since(begun); took > wholeStop {
				t.Errorf("the stop took %v", took)
			}
			if got := m.asked(); got != "Sync Close" {
				t.Errorf("it was asked for %s", got)
			}
			if tc.failed == "" && m.DurableIndex() != m.Applied() {
				t.Errorf("%d is durable of %d", m.DurableIndex(), m.Applied())
			}
			if n := strings.Count(strings.Join(log.all(), "\n"), "did not sync"); n != min(len(tc.failed), 1) {
				t.Errorf("the log says %d times that it did not sync", n)
			}
			delete(c.nodes, 1)
		})
	}
}
