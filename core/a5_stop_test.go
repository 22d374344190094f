package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// soonStopped bounds a stop that nothing holds up, by the promise of
// statement A5: a second one, one before the start and one during it.
const soonStopped = time.Second

// stopsSoon stops a host that nothing holds up.
func stopsSoon(t *testing.T, h *core.Host) {
	t.Helper()
	begun := time.Now()
	if err := h.Stop(context.Background()); err != nil {
		t.Errorf("the stop gave %v", err)
	}
	if took := time.Since(begun); took > soonStopped {
		t.Errorf("the stop took %v, at most %v are allowed", took, soonStopped)
	}
}

// Statement A5: a stop comes twice, before the start, and while the state machine
// hangs in Apply. Nothing is left of the host after any of them.
func TestA5StopAtAnyTime(t *testing.T) {
	t.Run("twice", func(t *testing.T) {
		c := newCluster(t, 1, nil)
		stopsSoon(t, c.nodes[1].host)
		stopsSoon(t, c.nodes[1].host)
	})
	t.Run("before start", func(t *testing.T) {
		c := newCluster(t, 1, nil)
		h, err := core.New(c.config(&testNode{log: &recorder{}}, 9, true))
		if err != nil {
			t.Fatal(err)
		}
		stopsSoon(t, h)
		if err := h.Start(t.Context()); err == nil {
			t.Error("a stopped host started")
		}
	})
	t.Run("while an apply hangs", func(t *testing.T) {
		stuck := &stuckMachine{applying: make(chan struct{}), release: make(chan struct{})}
		c := newCluster(t, 1, func(cfg *core.Config) {
			cfg.Backends[1] = backend.StateMachine("register", func(backend.Env) statemachine.StateMachine {
				stuck.Register = statemachinetest.NewRegister()
				return stuck
			})
		})
		c.leader()
		result := make(chan error, 1)
		go func() {
			_, err := c.service(1).Propose(context.Background(), []byte("stuck"))
			result <- err
		}()
		<-stuck.applying
		begun := time.Now()
		err := c.nodes[1].host.Stop(context.Background())
		if took := time.Since(begun); took > wholeStop {
			t.Errorf("the stop took %v", took)
		}
		if !errors.Is(err, core.ErrForced) || !strings.Contains(err.Error(), "register") {
			t.Errorf("stop gave %v, want an error that names the state machine", err)
		}
		if err := <-result; !errors.Is(err, server.ErrStopped) {
			t.Errorf("the request in flight ended with %v", err)
		}
		close(stuck.release)
		delete(c.nodes, 1)
	})
}

// stuckMachine hangs in Apply as soon as it gets an entry.
type stuckMachine struct {
	*statemachinetest.Register
	applying, release chan struct{}
}

func (m *stuckMachine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	if len(b.Entries) > 0 {
		close(m.applying)
		<-m.release
	}
	return m.Register.Apply(ctx, b)
}
