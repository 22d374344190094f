package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// picky is a state machine of a node that calls some snapshots bad, if refuses is
// set.
type picky struct {
	*statemachinetest.Register
	node    *testNode
	refuses func(index uint64) bool
}

func (p picky) Open(ctx context.Context, opts plugins.Options) (uint64, error) {
	p.node.opened(p.Register, opts.DataDir)
	return p.Register.Open(ctx, opts)
}

func (p picky) Restore(ctx context.Context, index uint64, r io.Reader) error {
	if p.refuses != nil && p.refuses(index) {
		return statemachine.ErrBadSnapshot
	}
	return p.Register.Restore(ctx, index, r)
}

// damagedStore has snapshots that do not match their checksums.
type damagedStore struct {
	*storagetest.Memory
	damaged func(index uint64) bool
}

func (s damagedStore) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	r, err := s.Memory.OpenSnapshot(ctx, index)
	if err == nil && s.damaged(r.Info().Metadata.Index) {
		return storagetest.Damaged(r), nil
	}
	return r, err
}

// withSnapshots is a cluster of which every member has compacted its log. No
// other snapshot is due: the newest is the one that Status shows.
func withSnapshots(t *testing.T) (c *cluster, leader member.ID) {
	c = newCluster(t, 3, func(cfg *core.Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 1 })
	leader = c.leader()
	for i := range 100 {
		c.propose(leader, fmt.Sprint(i))
	}
	for settled := false; !settled; {
		c.propose(leader, "more")
		c.converged()
		settled = true
		for _, m := range c.members {
			st := c.service(m.ID).Status()
			settled = settled && st.FirstIndex > 20 && st.SnapshotIndex+20 > st.LastIndex
		}
	}
	return c, c.leader()
}

// A follower can use nothing that it has: its snapshots are damaged, or its state
// machine calls them bad, and the log does not reach back far enough. It asks for the
// leader's snapshot, also when no client writes, and then goes on with its own log.
func TestAMemberWithoutAStateGetsTheLeaders(t *testing.T) {
	for name, spoil := range map[string]func(n *testNode, newest uint64){
		"damaged": func(n *testNode, newest uint64) { n.damaged = func(i uint64) bool { return i <= newest } },
		"refused": func(n *testNode, newest uint64) { n.refuses = func(i uint64) bool { return i <= newest } },
	} {
		t.Run(name, func(t *testing.T) {
			c, leader := withSnapshots(t)
			id := c.other(leader)
			newest := c.service(id).Status().SnapshotIndex
			c.stop(id)
			spoil(c.nodes[id], newest)
			c.start(id, true)
			c.says(id, "the leader is asked for a snapshot")
			c.leader() // all are ready
			c.eventually("a newer snapshot", func() bool { return c.service(id).Status().SnapshotIndex > newest })
			if c.nodes[id].log.position("snapshot installed") >= 0 {
				t.Error("its log was replaced, which was sound")
			}
			c.propose(id, "after")
			if got := c.converged(); got[0] != "0" || got[99] != "99" || got[len(got)-1] != "after" {
				t.Errorf("state is %v", got)
			}
			c.stop(id) // what it was given is its own from here on
			c.start(id, true)
			c.leader()
			c.propose(id, "restarted")
			c.converged()
		})
	}
}

// A leader that loses its state hands over, and gets its state from the next one.
func TestALeaderWithoutAStateHandsOverAndGetsOne(t *testing.T) {
	c, leader := withSnapshots(t)
	newest := c.service(leader).Status().SnapshotIndex
	n := c.nodes[leader]
	n.mu.Lock()
	n.refuses = func(i uint64) bool { return i <= newest }
	n.mu.Unlock()
	n.machine().FailNext(errors.New("out of cheese"))
	c.propose(c.other(leader), "during")
	c.says(leader, "the leader is asked for a snapshot")
	c.leader()
	c.propose(leader, "after")
	if got := c.converged(); got[len(got)-1] != "after" {
		t.Errorf("state is %v", got)
	}
}

// The leader's snapshot is refused, too: the member ends, and its last words say
// what else can be done.
func TestAMemberWhoseLeaderCannotHelpEnds(t *testing.T) {
	c, leader := withSnapshots(t)
	id := c.other(leader)
	c.stop(id)
	c.nodes[id].refuses = func(uint64) bool { return true }
	host := c.start(id, true)
	select {
	case <-host.Failed():
	case <-c.patience().Done():
		t.Fatal("the host goes on")
	}
	if err := host.Err(); !errors.Is(err, server.ErrPermanent) || !strings.Contains(err.Error(), "of the leader cannot be restored either") {
		t.Errorf("ended with %v", err)
	}
	c.propose(leader, "after")
	c.stop(id)
	delete(c.nodes, id)
}
