package core_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// told are the notices that the state machines of one node got.
type told struct {
	mu   sync.Mutex
	list []plugins.Leadership
	has  []int // entries that the state machine had with each
	hang chan struct{}
}

func (w *told) all() []plugins.Leadership {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

func (w *told) last() (l plugins.Leadership) {
	if all := w.all(); len(all) > 0 {
		l = all[len(all)-1]
	}
	return l
}

// watching is a state machine that wants to know who leads.
type watching struct {
	picky
	w *told
}

func (m watching) Describe() plugins.Info {
	info := m.picky.Describe()
	info.Capabilities = append(slices.Clip(info.Capabilities), plugins.CapabilityLeadership)
	return info
}

func (m watching) SetLeadership(l plugins.Leadership) {
	m.w.mu.Lock()
	m.w.list, m.w.has = append(m.w.list, l), append(m.w.has, len(m.Entries()))
	hang := m.w.hang
	m.w.mu.Unlock()
	if hang != nil {
		<-hang
	}
}

// newWatchedCluster is a cluster whose state machines watch the leadership.
func newWatchedCluster(t *testing.T, n int) (*cluster, map[member.ID]*told) {
	all := map[member.ID]*told{}
	for i := range n {
		all[member.ID(i+1)] = &told{}
	}
	c := newCluster(t, n, func(cfg *core.Config) {
		w, inner := all[member.ID(cfg.ID)], cfg.Backends[1].NewStateMachine
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			return watching{inner(e).(picky), w}
		})
	})
	return c, all
}

// leadsByNotice waits until each member was told that one leads and is ready, in one term.
func (c *cluster) leadsByNotice(all map[member.ID]*told) (leader member.ID, term uint64) {
	c.t.Helper()
	c.eventually("all plugins to know one leader that is ready", func() bool {
		leader = c.leader()
		l := all[leader].last()
		term = l.Term
		if !l.Leads || !l.Ready || l.Transferring || l.Leader != uint64(leader) {
			return false
		}
		for id, w := range all {
			if id != leader && w.last() != (plugins.Leadership{Group: 1, Term: term, Leader: uint64(leader)}) {
				return false
			}
		}
		return true
	})
	return leader, term
}

func TestPluginsAreToldWhoLeads(t *testing.T) {
	t.Parallel()
	c, all := newWatchedCluster(t, 3)
	first, term := c.leadsByNotice(all)
	c.propose(first, "one")
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := c.service(first).TransferLeader(ctx, c.other(first)); err != nil {
		t.Fatal(err)
	}
	second, later := c.leadsByNotice(all)
	if later <= term {
		t.Errorf("member %s leads in term %d, and %s did in %d", second, later, first, term)
	}
	leads := map[uint64]member.ID{}
	for id, w := range all {
		for i, l := range w.all() {
			if l.Leads != (l.Leader == uint64(id)) || !l.Leads && (l.Ready || l.Transferring) {
				t.Errorf("member %s was told %+v", id, l)
			}
			if l.Leads {
				if other, known := leads[l.Term]; known && other != id {
					t.Errorf("%s and %s were told to lead in term %d", id, other, l.Term)
				}
				leads[l.Term] = id
			}
			if l.Ready && l.Term == later && w.has[i] < 1 {
				t.Errorf("member %s was ready in term %d without the entry of the leader before it", id, l.Term)
			}
		}
	}
}

// A state machine that has not applied what the leaders before have acknowledged is not
// ready, however long its member leads; neither is one that is started again.
func TestALeaderIsReadyOnceItsStateMachineIs(t *testing.T) {
	t.Parallel()
	c, all := newWatchedCluster(t, 1)
	leader, term := c.leadsByNotice(all)
	for range 20 {
		c.propose(leader, "entry")
	}
	before := len(all[leader].all())
	c.nodes[leader].machine().FailNext(errors.New("out of cheese"))
	c.propose(leader, "last")
	c.eventually("the next state machine to be told", func() bool { return len(all[leader].all()) > before && all[leader].last().Ready })
	w := all[leader]
	for i, l := range w.all()[before:] {
		if l.Term != term || !l.Leads {
			t.Errorf("was told %+v, and led in term %d throughout", l, term)
		}
		if has := w.has[before+i]; l.Ready && has < 20 {
			t.Errorf("the next state machine was told to be ready with %d of 20 entries", has)
		}
	}
}

// While a member has no raft node it leads nothing, as far as it knows.
func TestAMemberWithoutItsStorageDoesNotLead(t *testing.T) {
	t.Parallel()
	c, all := newWatchedCluster(t, 3)
	leader, term := c.leadsByNotice(all)
	var once sync.Once
	c.nodes[leader].disk.OnAppend(func([]storage.Batch) (err error) {
		once.Do(func() { err = errDisk })
		return err
	})
	_, _ = c.service(leader).Propose(t.Context(), []byte("during"))
	c.eventually("the member to be told that it does not lead", func() bool {
		for _, l := range all[leader].all() {
			if l.Term >= term && !l.Leads {
				return true
			}
		}
		return false
	})
	c.leadsByNotice(all)
}

// A plugin that does not return from being told holds up nothing and no stop. The log says so.
func TestAPluginThatDoesNotTakeANoticeHoldsUpNothing(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) }) // after the hosts have stopped
	c, all := newWatchedCluster(t, 3)
	all[1].mu.Lock()
	all[1].hang = hang
	all[1].mu.Unlock()
	leader := c.leader()
	c.propose(leader, "one")
	next := c.other(leader)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := c.service(leader).TransferLeader(ctx, next); err != nil {
		t.Fatal(err)
	}
	c.propose(next, "two")
	c.eventually("the others to be told", func() bool { return all[2].last().Leader != 0 && all[3].last().Leader != 0 })
	c.says(1, "plugin does not return from being told who leads")
}
