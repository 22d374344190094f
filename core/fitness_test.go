package core_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// gate is something that a test closes and opens.
type gate struct {
	mu sync.Mutex
	ch chan struct{} // nil while open
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}

// pass waits until the gate is open.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	ch := g.ch
	g.mu.Unlock()
	if ch == nil {
		return nil
	}
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gated is a state machine whose Open waits at a gate, or fails there.
type gated struct {
	statemachine.StateMachine
	gate  *gate
	fails bool
}

func (s gated) Open(ctx context.Context, o plugins.Options) (uint64, error) {
	if s.fails {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if s.gate.pass(ctx) != nil {
			return 0, errors.New("a test does not let it start")
		}
	} else if err := s.gate.pass(ctx); err != nil {
		return 0, err
	}
	return s.StateMachine.Open(ctx, o)
}

// gatedCluster has three members, each with a gate before its state machine.
func gatedCluster(t *testing.T, fails bool) (*cluster, map[member.ID]*gate) {
	c := newCluster(t, 0, nil)
	gates := map[member.ID]*gate{}
	for id := range member.ID(3) {
		gates[id+1] = &gate{}
	}
	c.tune = func(cfg *core.Config) {
		n, g := c.nodes[member.ID(cfg.ID)], gates[member.ID(cfg.ID)]
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			return gated{n.newMachine(e), g, fails}
		})
	}
	t.Cleanup(func() { // before the hosts stop
		for _, g := range gates {
			g.open()
		}
	})
	c.found(3)
	return c, gates
}

// elsewhere waits until another member than the given one leads, takes a write
// there, and checks that the given one refuses writes as not applied and names
// the leader.
func (c *cluster) elsewhere(unfit member.ID) member.ID {
	c.t.Helper()
	other := c.other(unfit)
	c.eventually("another leader", func() bool {
		l := c.service(other).Status().Leader
		return l != 0 && l != unfit
	})
	leader := c.service(other).Status().Leader
	c.propose(other, "elsewhere")
	c.eventually("a refusal with the way to the leader", func() bool {
		err := c.try(unfit, "refused")
		var e *server.Error
		return errors.As(err, &e) && errors.Is(err, server.ErrNotReady) && e.Leader == leader && e.LeaderAddress != ""
	})
	return leader
}

// A leader whose state machine is slow to come back, or is in the backoff of one
// that does not start, hands over; writes go on elsewhere. While it is unfit it
// does not get leadership back, even if the next leader is cut off; when its
// state machine is up it is a member like any other.
func TestLeaderWithoutStateMachineHandsOver(t *testing.T) {
	for name, fails := range map[string]bool{"slow": false, "backoff": true} {
		t.Run(name, func(t *testing.T) {
			c, gates := gatedCluster(t, fails)
			unfit := c.leader()
			c.propose(unfit, "before")
			gates[unfit].close()
			c.nodes[unfit].machine().FailNext(errors.New("a test breaks it"))
			c.service(unfit).ProposeAsync([]byte("breaks it"), 0, func(server.Result, error) {})
			second := c.elsewhere(unfit)
			c.eventually("a warning", func() bool {
				return strings.Contains(c.warns(unfit, server.WarnUnfit), "the state machine has not been up for")
			})
			third := 6 - unfit - second
			c.eventually("the third member to follow", func() bool { return c.service(third).Status().Leader == second })
			c.propose(third, "everywhere") // or the unfit member alone could be elected
			c.network.Isolate(uint64(second))
			c.eventually("the third member to lead", func() bool {
				if l := c.service(third).Status().Leader; l == unfit {
					t.Fatal("the unfit member leads")
				}
				return c.service(third).Status().Leader == third
			})
			c.network.HealAll()
			gates[unfit].open()
			c.leader() // all are ready
			c.eventually("no warning", func() bool { return c.warns(unfit, server.WarnUnfit) == "" })
			c.propose(unfit, "after")
			if texts := c.converged(); len(texts) < 3 || texts[len(texts)-1] != "after" {
				t.Errorf("state is %v", texts)
			}
		})
	}
}

// A leader whose disk leaves an append unanswered hands over, and gets nothing
// back until it answers.
func TestLeaderWithAStalledDiskHandsOver(t *testing.T) {
	c := newCluster(t, 3, nil)
	unfit := c.leader()
	c.propose(unfit, "before")
	var disk gate
	t.Cleanup(disk.open)
	disk.close()
	c.nodes[unfit].disk.OnAppend(func([]storage.Batch) error { return disk.pass(context.Background()) })
	c.service(unfit).ProposeAsync([]byte("stalls"), 0, func(server.Result, error) {})
	c.elsewhere(unfit)
	if w := c.warns(unfit, server.WarnUnfit); !strings.Contains(w, "the storage has not answered an append for") {
		t.Errorf("the status warns of %q", w)
	}
	disk.open()
	c.eventually("no warning", func() bool { return c.warns(unfit, server.WarnUnfit) == "" })
	c.propose(unfit, "after")
	c.converged()
}

// A leader whose state machine hangs in an apply hands over.
func TestLeaderWithAHangingApplyHandsOver(t *testing.T) {
	c := newCluster(t, 3, nil)
	unfit := c.leader()
	c.propose(unfit, "before")
	_, release := c.nodes[unfit].machine().Hold()
	t.Cleanup(release)
	c.service(unfit).ProposeAsync([]byte("hangs"), 0, func(server.Result, error) {})
	c.elsewhere(unfit)
	if w := c.warns(unfit, server.WarnUnfit); !strings.Contains(w, "has not answered an apply for") {
		t.Errorf("the status warns of %q", w)
	}
	release()
	c.eventually("no warning", func() bool { return c.warns(unfit, server.WarnUnfit) == "" })
	c.converged()
}

// Where all are unfit one of them leads, and if it is cut off another one is
// elected: an unfit leader is better than none.
func TestAllAreUnfit(t *testing.T) {
	c, gates := gatedCluster(t, false)
	leader := c.leader()
	c.propose(leader, "before")
	c.converged()
	for _, m := range c.members {
		gates[m.ID].close()
		c.nodes[m.ID].machine().FailNext(errors.New("a test breaks it"))
	}
	c.service(leader).ProposeAsync([]byte("breaks all"), 0, func(server.Result, error) {})
	for _, m := range c.members {
		c.eventually("all to be unfit", func() bool { return c.warns(m.ID, server.WarnUnfit) != "" })
	}
	c.eventually("a leader", func() bool {
		leader = c.service(1).Status().Leader // found unfit first, it may have handed over
		return leader != 0 && c.service(leader).Status().Role == "leader"
	})
	other := c.other(leader)
	c.network.Isolate(uint64(leader))
	c.eventually("another leader", func() bool {
		l := c.service(other).Status().Leader
		return l != 0 && l != leader
	})
	c.network.HealAll()
	for _, g := range gates {
		g.open()
	}
	c.propose(other, "after")
	c.converged()
}
