package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// hashing is a cluster whose state machines have hashes of their states. With keep they
// find the state that the process before them had, as on disk.
func hashing(t *testing.T, size int, keep bool) *cluster {
	c := newCluster(t, 0, nil)
	c.tune = func(cfg *core.Config) {
		n := c.nodes[member.ID(cfg.ID)]
		cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 1
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			m := n.newMachine(e).(picky)
			n.mu.Lock()
			defer n.mu.Unlock()
			if keep && len(n.machines) > 0 {
				m.Register = n.machines[len(n.machines)-1].Successor()
			}
			m.AnnounceHash("digest")
			return m
		})
	}
	c.found(size)
	c.leader()
	c.atLevel(member.Level)
	return c
}

// goesOn proposes until a condition holds.
func (c *cluster) goesOn(what string, holds func() bool) {
	c.t.Helper()
	written := 0
	c.eventually(what, func() bool {
		for _, m := range c.members {
			if st := c.service(m.ID).Status(); st.Quarantine == nil && st.Leader != 0 {
				c.propose(m.ID, fmt.Sprintf("%s %d", what, written))
				written++
				break
			}
		}
		return holds()
	})
}

// A replica whose state differs from that of the two others is quarantined, whether it
// leads or follows, and whether or not it keeps its state. It is rebuilt from a snapshot of
// the leader, and has the state of the others then.
func TestAReplicaThatPartsIsRebuilt(t *testing.T) {
	for _, keep := range []bool{false, true} {
		for _, leads := range []bool{false, true} {
			t.Run(fmt.Sprintf("kept %t, leads %t", keep, leads), func(t *testing.T) {
				c := hashing(t, 3, keep)
				c.propose(c.leader(), "first")
				c.converged()
				id := c.leader()
				if !leads {
					id = c.other(id)
				}
				corrupt := c.nodes[id].machine()
				corrupt.Corrupt()
				c.goesOn("quarantine", func() bool { return c.nodes[id].log.position("another state than a majority") >= 0 })
				c.eventually("the end of the quarantine", func() bool { return c.service(id).Status().Quarantine == nil })
				for _, text := range c.converged() {
					if strings.HasPrefix(text, "corrupt") {
						t.Errorf("the state has %q", text)
					}
				}
				c.goesOn("two more snapshots", func() bool { return c.service(id).Status().SnapshotIndex > c.service(id).Status().LastIndex/2 })
				c.converged()
			})
		}
	}
}

// A member that has parted, and whose host is started again before it was rebuilt, serves nothing of
// what it has until it has the state of the others: it remembers.
func TestAMemberThatHasPartedRemembersThat(t *testing.T) {
	c := newCluster(t, 0, nil)
	dirs, broken := map[uint64]string{1: t.TempDir(), 2: t.TempDir(), 3: t.TempDir()}, atomic.Uint64{}
	c.tune = func(cfg *core.Config) {
		n, id := c.nodes[member.ID(cfg.ID)], cfg.ID
		cfg.DataDir, cfg.SnapshotEntries, cfg.CatchUpEntries = dirs[cfg.ID], 20, 1
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			m := n.newMachine(e).(picky)
			n.mu.Lock()
			defer n.mu.Unlock()
			if len(n.machines) > 0 { // as on disk
				m.Register = n.machines[len(n.machines)-1].Successor()
			}
			m.AnnounceHash("digest")
			if broken.Load() == id {
				return unopenable{m}
			}
			return m
		})
	}
	c.found(3)
	c.propose(c.leader(), "first")
	c.converged()
	c.atLevel(member.Level)
	leader := c.leader()
	id := c.other(leader)
	broken.Store(uint64(id))
	corrupt := c.nodes[id].machine()
	corrupt.Corrupt()
	place := fmt.Sprintf("at %d", len(corrupt.Entries()))
	c.eventually("quarantine", func() bool { // what the member itself were asked for it could not answer
		c.propose(leader, "more")
		return c.nodes[id].log.position("another state than a majority") >= 0
	})
	c.stop(id)
	broken.Store(0)
	from := len(c.nodes[id].log.all())
	c.start(id, false)
	if q := c.service(id).Status().Quarantine; q == nil && !strings.Contains(strings.Join(c.nodes[id].log.all()[from:], ""), "the quarantine") {
		t.Error("it serves what it has")
	}
	c.goesOn("the end of the quarantine", func() bool {
		answer, err := c.service(id).Query(t.Context(), []byte(place), server.Stale)
		if err == nil && strings.HasPrefix(string(answer.Data), "corrupt") {
			t.Fatalf("it answers %q", answer.Data)
		}
		return err == nil
	})
	c.goesOn("the end of the note", func() bool {
		pins, err := os.ReadFile(filepath.Join(dirs[uint64(id)], "pins.json"))
		return err == nil && !strings.Contains(string(pins), "parted")
	})
	for _, text := range c.converged() {
		if strings.HasPrefix(text, "corrupt") {
			t.Errorf("the state has %q", text)
		}
	}
}

// The only member has no other to be compared with, as after host recover: it goes on with what it has.
func TestAMemberThatIsAloneIsNoSuspect(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pins.json"), []byte(`{"version":1,"parted_at":"5","parted":"it differs"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, 0, func(cfg *core.Config) { cfg.DataDir = dir })
	tune := c.tune
	c.tune = func(cfg *core.Config) {
		tune(cfg)
		n := c.nodes[member.ID(cfg.ID)]
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			m := n.newMachine(e).(picky)
			m.AnnounceHash("digest")
			return m
		})
	}
	c.found(1)
	c.eventually("the end of the quarantine", func() bool { return c.service(1).Status().Quarantine == nil })
	c.propose(1, "first")
	if c.nodes[1].log.position("before this start") < 0 {
		t.Error("it was not quarantined")
	}
}

// unopenable is a state machine that cannot be opened.
type unopenable struct{ picky }

func (unopenable) Open(context.Context, plugins.Options) (uint64, error) {
	return 0, errors.New("no memory")
}

// Where no majority has the same state, none is stopped: the leader warns, and says where.
func TestStatesThatDifferWithoutAMajorityAreToldOf(t *testing.T) {
	c := hashing(t, 2, false)
	c.propose(c.leader(), "first")
	c.converged()
	c.nodes[c.leader()].machine().Corrupt()
	c.goesOn("warning", func() bool { return c.warns(c.leader(), "states_differ") != "" })
	for _, m := range c.members {
		if q := c.service(m.ID).Status().Quarantine; q != nil {
			t.Errorf("%s is quarantined: %+v", m.ID, q)
		}
	}
}

// A leader whose state has parted, while one of three is down, says so and gives its state to
// no member: the third would make a majority of it. The two others decide when it is back by
// the log.
func TestAPartedLeaderDoesNotSpreadItsState(t *testing.T) {
	c := hashing(t, 3, false)
	c.propose(c.leader(), "first")
	c.converged()
	leader := c.leader()
	right := c.other(leader)
	third := member.ID(6) - leader - right
	c.stop(third)
	c.nodes[leader].machine().Corrupt()
	differ := func() bool { return c.warns(leader, "states_differ") != "" }
	c.eventually("the warning", func() bool { c.propose(leader, "more"); return differ() })
	c.start(third, false)
	before := c.service(leader).Status().LastIndex
	c.eventually("more entries", func() bool { c.propose(leader, "yet more"); return c.service(leader).Status().LastIndex > before+100 })
	if applied := c.nodes[third].machine().Entries(); len(applied) > 0 && strings.HasPrefix(string(applied[0].Data), "corrupt") {
		t.Error("the state that has parted has spread")
	}
	if q := c.service(right).Status().Quarantine; q != nil {
		t.Errorf("the member that is right is quarantined: %+v", q)
	}
	if !differ() {
		t.Error("the leader does not warn any more")
	}
}

// A leader in doubt gives no snapshot, also if the voter that differs is lost, so that nothing
// is committed. A restart of its host ends the doubt: the operator takes its state.
func TestARestartEndsTheDoubtOfALeader(t *testing.T) {
	c := hashing(t, 3, false)
	c.propose(c.leader(), "first")
	c.converged()
	leader := c.leader()
	other := c.other(leader)
	third := member.ID(6) - leader - other
	behind := c.service(third).Status().LastIndex
	c.stop(third)
	c.nodes[leader].machine().Corrupt()
	c.eventually("the warning", func() bool { c.propose(leader, "more"); return c.warns(leader, "states_differ") != "" })
	c.eventually("a log that begins later", func() bool { c.propose(leader, "yet more"); return c.service(leader).Status().FirstIndex > behind+1 })
	c.stop(other)
	c.start(third, false)
	c.eventually("a leader without a quorum of logs", func() bool { return c.service(third).Status().Leader == leader })
	if got := c.service(third).Status().LastIndex; got != behind {
		t.Errorf("the log of the third ends at %d, want %d", got, behind)
	}
	c.stop(leader)
	c.start(leader, false)
	c.leader(leader, third)
	c.propose(leader, "on") // for which the third must have its state
}
