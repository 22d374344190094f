package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// bitter is the command that ends the state machines of poisoned members.
const bitter = "bitter"

// poisoned says of which members the state machine ends over bitter.
type poisoned struct {
	mu  sync.Mutex
	ids map[uint64]bool
}

func (p *poisoned) set(id member.ID, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[uint64(id)] = is
}

func (p *poisoned) has(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
}

// sensitive is a state machine that fails over bitter, if its member is poisoned.
type sensitive struct {
	picky
	id       uint64
	poisoned *poisoned
}

func (s sensitive) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	for i := range b.Entries {
		if string(b.Entries[i].Data) == bitter && s.poisoned.has(s.id) {
			return nil, errors.New("too bitter for this member")
		}
	}
	return s.picky.Apply(ctx, b)
}

// sensitiveCluster has three members, of which those given are poisoned.
func sensitiveCluster(t *testing.T, ids ...member.ID) (*cluster, *poisoned) {
	c, p := sensitives(t, ids...)
	c.found(3)
	return c, p
}

// sensitives is a cluster that is not founded, whose members may be poisoned.
func sensitives(t *testing.T, ids ...member.ID) (*cluster, *poisoned) {
	p := &poisoned{ids: map[uint64]bool{}}
	for _, id := range ids {
		p.set(id, true)
	}
	c := newCluster(t, 0, nil)
	c.tune = func(cfg *core.Config) {
		n, id := c.nodes[member.ID(cfg.ID)], cfg.ID
		cfg.Backends[1] = backend.StateMachine("register", func(e backend.Env) statemachine.StateMachine {
			return sensitive{n.newMachine(e).(picky), id, p}
		})
	}
	return c, p
}

// quarantined waits until a member says over which entry it is quarantined.
func (c *cluster) quarantined(id member.ID) (q *server.Quarantine) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("member %s to be quarantined", id), func() bool {
		q = c.service(id).Status().Quarantine
		return q != nil
	})
	return q
}

// A member whose state machine alone ends over an entry hands leadership over, and goes on
// to vote and to acknowledge: with it and one other member the cluster elects and takes
// writes. It gets past the entry with a snapshot of its leader.
func TestOneQuarantinedMemberStopsNoCluster(t *testing.T) {
	c, p := sensitiveCluster(t)
	ill := c.leader()
	c.nodes[ill].mu.Lock()
	c.nodes[ill].refuses = func(uint64) bool { return p.has(uint64(ill)) } // no snapshot helps, for the time being
	c.nodes[ill].mu.Unlock()
	p.set(ill, true)
	c.service(ill).ProposeAsync([]byte(bitter), 0, func(server.Result, error) {})
	q, leader := c.quarantined(ill), member.ID(0)
	c.eventually("another leader", func() bool {
		leader = c.service(c.other(ill)).Status().Leader
		return leader != 0 && leader != ill
	})
	c.eventually("a refusal with the way to the leader", func() bool {
		var e *server.Error
		return errors.As(c.try(ill, "refused"), &e) && errors.Is(e, server.ErrQuarantined) && e.Leader == leader
	})
	c.eventually("a warning", func() bool {
		return strings.Contains(c.warns(ill, server.WarnUnfit), fmt.Sprintf("entry %d ", q.Index))
	})
	third := 6 - ill - leader
	c.stop(third) // the quarantined member is part of the only quorum now
	for i := range 20 {
		c.propose(leader, fmt.Sprint("with the quarantined one ", i))
	}
	c.eventually("the quarantined member to have everything", func() bool {
		return c.service(ill).Status().LastIndex >= c.service(leader).Status().Commit
	})
	c.stop(leader)
	c.start(third, false)
	c.eventually("the third member to be elected by a vote of the quarantined one", func() bool {
		return c.service(third).Status().Role == "leader"
	})
	c.start(leader, false)
	c.propose(third, "after")
	if c.service(ill).Status().Quarantine == nil {
		t.Error("the quarantine ended too early for this test")
	}
	p.set(ill, false)
	c.stop(ill)
	c.start(ill, false)
	if texts := c.converged(); !containsOnce(texts, bitter) || texts[len(texts)-1] != "after" {
		t.Errorf("state is %v", texts)
	}
}

// A member that alone cannot get past an entry is given the state of its leader, and
// serves again without a word of an operator.
func TestAQuarantinedMemberIsHealedByItsLeader(t *testing.T) {
	c, p := sensitiveCluster(t)
	leader := c.leader()
	ill := c.other(leader)
	p.set(ill, true)
	c.propose(leader, bitter)
	c.propose(leader, "after")
	c.says(ill, "this member is quarantined")
	c.says(ill, "the quarantine is over")
	c.leader() // all are ready
	if texts := c.converged(); !containsOnce(texts, bitter) {
		t.Errorf("state is %v", texts)
	}
}

// Where every member is quarantined all hosts stay, one of them leads, and proposals and
// reads are refused at once with the entry's index. When the plugins are replaced one after
// the other nothing is lost and everything is applied.
func TestAllMembersAreQuarantined(t *testing.T) {
	c, p := sensitiveCluster(t, 1, 2, 3)
	leader := c.leader()
	c.propose(leader, "before")
	c.service(leader).ProposeAsync([]byte(bitter), 0, func(server.Result, error) {})
	index := uint64(0)
	for _, m := range c.members {
		q := c.quarantined(m.ID)
		if index == 0 {
			index = q.Index
		}
		if q.Index != index || q.Bytes != uint64(len(bitter)) || !strings.Contains(q.LastWords, "too bitter for this member") {
			t.Errorf("member %s is quarantined over %+v, and the first one over entry %d", m.ID, *q, index)
		}
	}
	for _, m := range c.members {
		c.eventually("a refusal with the entry's index", func() bool {
			err := c.try(m.ID, "refused")
			return errors.Is(err, server.ErrQuarantined) && strings.Contains(err.Error(), fmt.Sprintf("entry %d ", index))
		})
		if _, err := c.service(m.ID).Query(context.Background(), []byte("count"), server.Linearizable); !errors.Is(err, server.ErrQuarantined) {
			t.Errorf("a query ended with %v", err)
		}
		if err := c.service(m.ID).Ready(); err == nil || !strings.Contains(err.Error(), "quarantined: entry") {
			t.Errorf("ready says %v", err)
		}
	}
	c.eventually("a leader", func() bool {
		l := c.service(1).Status().Leader
		return l != 0 && c.service(l).Status().Role == "leader"
	})
	for _, m := range c.members {
		if err := c.nodes[m.ID].host.Err(); err != nil {
			t.Errorf("host %s has ended: %v", m.ID, err)
		}
		c.stop(m.ID)
		p.set(m.ID, false)
		c.start(m.ID, false)
	}
	c.leader()
	c.propose(1, "after")
	if texts := c.converged(); len(texts) < 3 || texts[0] != "before" || !containsOnce(texts, bitter) || texts[len(texts)-1] != "after" {
		t.Errorf("state is %v", texts)
	}
}

// A member that is well and cannot lead, where all that can are quarantined, refuses proposals
// as its leader does, with the reason and without a way to go. It has applied everything, and
// answers reads of both kinds as before.
func TestAMemberThatIsWellServesReadsUnderAQuarantinedLeader(t *testing.T) {
	c, p := sensitives(t, 1, 2)
	c.found(2)
	learner := c.member(3)
	learner.Learner = true
	if _, err := c.service(c.leader()).AddMember(context.Background(), learner, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.members = append(c.members, learner)
	c.start(3, false)
	c.leader() // all are ready
	c.service(c.leader()).ProposeAsync([]byte(bitter), 0, func(server.Result, error) {})
	c.quarantined(1)
	c.quarantined(2)
	c.eventually("a refusal with the reason", func() bool {
		var e *server.Error
		return errors.As(c.try(3, "refused"), &e) && errors.Is(e, server.ErrQuarantined) && e.Leader == 0
	})
	for _, level := range []server.Consistency{server.Linearizable, server.Stale} {
		c.eventually("an answer with the entry in it", func() bool {
			a, err := c.service(3).Query(context.Background(), []byte("count"), level)
			return err == nil && string(a.Data) != "0"
		})
	}
	for _, id := range []member.ID{1, 2} {
		c.stop(id)
		p.set(id, false)
		c.start(id, false)
	}
	c.propose(3, "after")
	if texts := c.converged(); !containsOnce(texts, bitter) || texts[len(texts)-1] != "after" {
		t.Errorf("state is %v", texts)
	}
}

func containsOnce(texts []string, text string) bool {
	n := 0
	for _, t := range texts {
		if t == text {
			n++
		}
	}
	return n == 1
}
