package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

const full = "a test has filled it"

// try proposes once.
func (c *cluster) try(id member.ID, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	_, err := c.service(id).Propose(ctx, []byte(text))
	return err
}

// warning is what a node's status says of its storage.
func (c *cluster) warning(id member.ID) string {
	for _, p := range c.service(id).Status().Plugins {
		if p.Kind == "storage" {
			return p.Warning
		}
	}
	return ""
}

// A leader whose storage is short of space hands over to a member that has
// space, and goes on as a follower: it stores what is replicated to it, and
// passes on what its clients propose.
func TestLeaderShortOfSpaceHandsOver(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.propose(leader, "before")
	c.nodes[leader].disk.RunShort(full)
	c.eventually("another leader", func() bool { return c.leader() != leader })
	if w := c.warning(leader); !strings.Contains(w, full) {
		t.Errorf("the status of the short member warns of %q", w)
	}
	c.propose(leader, "through the short member")
	if got := c.converged(); len(got) != 2 {
		t.Errorf("state is %v", got)
	}
	if err := c.service(leader).Ready(); err != nil {
		t.Errorf("a short follower is not ready: %v", err)
	}
	c.nodes[leader].disk.RunShort("")
	c.eventually("no warning", func() bool { return c.warning(leader) == "" })
}

// Leadership is passed on until it is where space is, past a member that is
// short as well.
func TestLeadershipPassesShortMembers(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	c.nodes[1].disk.RunShort(full)
	c.nodes[2].disk.RunShort(full)
	c.eventually("the member with space to lead", func() bool { return c.leader() == 3 })
	c.propose(1, "through a short member")
}

// While no member has space the leader refuses proposals, as certainly not
// applied, and all else goes on. When space returns so do writes.
func TestNobodyHasSpace(t *testing.T) {
	for size, name := range map[int]string{1: "one member", 3: "three members"} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, size, nil)
			c.leader()
			c.propose(1, "before")
			for _, n := range c.nodes {
				n.disk.RunShort(full)
			}
			c.eventually("a refusal for want of space", func() bool {
				err := c.try(c.leader(), "refused")
				if err == nil {
					t.Log("taken before the host knew")
				}
				return errors.Is(err, server.ErrNoSpace) && strings.Contains(err.Error(), full)
			})
			before := c.converged()
			if got := c.query(1, "count"); got == "0" {
				t.Errorf("a read found %s entries", got)
			}
			if size > 1 {
				ctx, cancel := context.WithTimeout(context.Background(), wait)
				defer cancel()
				c.eventually("a membership change", func() bool {
					_, err := c.service(c.leader()).AddMember(ctx, c.member(9), server.ChangeOptions{})
					return err == nil
				})
			}
			for _, n := range c.nodes {
				n.disk.RunShort("")
			}
			c.propose(1, "after")
			if got := c.converged(); len(got) != len(before)+1 || got[len(got)-1] != "after" {
				t.Errorf("state was %v, is %v: something refused was applied", before, got)
			}
		})
	}
}

// A member that finds its disk full when it starts takes no proposal, not even
// the first.
func TestStartShortOfSpace(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.leader()
	c.stop(1)
	c.nodes[1].disk.RunShort(full)
	c.start(1, true)
	c.leader()
	if err := c.try(1, "x"); !errors.Is(err, server.ErrNoSpace) {
		t.Errorf("the first proposal: %v, want %v", err, server.ErrNoSpace)
	}
}

// A storage that does not say what space it has does not count as one without:
// its node starts and takes proposals.
func TestStartWithoutAWordOfSpace(t *testing.T) {
	asked := make(chan struct{}, 1)
	n := fresh()
	c := newCluster(t, 0, nil)
	c.members = append(c.members, c.member(1))
	h := newHost(t, c, n, func(w *wrapped) {
		w.space = func() error {
			select {
			case asked <- struct{}{}:
			default:
			}
			return errors.New("statfs: input/output error")
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	<-asked
	c.eventually("a leader", func() bool { return core.Service(h).Status().Leader == 1 })
	if _, err := core.Service(h).Propose(ctx, []byte("x")); err != nil {
		t.Errorf("propose: %v", err)
	}
}

// While no member has space, a client of a follower is told so as well, as
// certainly not applied: its member hears the leader say it with every
// heartbeat.
func TestFollowersSayThatNobodyHasSpace(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	c.propose(1, "before")
	for _, n := range c.nodes {
		n.disk.RunShort(full)
	}
	c.eventually("a refusal by every member, in one round", func() bool {
		for id := range c.nodes {
			if !errors.Is(c.try(id, "refused"), server.ErrNoSpace) {
				return false
			}
		}
		return true
	})
}
