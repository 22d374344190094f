package core_test

import (
	"context"
	"fmt"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// The log before the newest snapshot is gone, and that snapshot does not know
// the new member: it gets a newer one, without a write by any client.
func TestMemberJoinsAfterACompaction(t *testing.T) {
	c := newCluster(t, 3, func(cfg *core.Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 1 })
	leader := c.leader()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	count := 0
	for c.service(leader).Status().FirstIndex < 5 {
		c.propose(leader, fmt.Sprint(count))
		count++
	}
	fourth := c.member(4)
	if _, err := c.service(leader).AddMember(ctx, fourth, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.members = append(c.members, fourth)
	c.start(4, false)
	c.eventually("the new member to be ready", func() bool { return c.service(4).Ready() == nil })
	if got := c.converged(); len(got) != count {
		t.Errorf("state has %d entries, want %d", len(got), count)
	}
	c.stop(4)
	c.start(4, false)
	c.propose(4, "end")
}

// A new member whose leader it hears, and that has got nothing of the log yet, is not
// ready: it would answer stale queries with a state that no member ever had. A snapshot
// may be on its way for an hour, or what is large may not reach the member at all.
func TestAMemberThatHasNothingYetIsNotReady(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.propose(leader, "x")
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	fourth := c.member(4)
	if _, err := c.service(leader).AddMember(ctx, fourth, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.members = append(c.members, fourth)
	c.network.Drop(func(e transport.Envelope) bool { return e.To == 4 && e.Class == pluginv1.MessageClass_CLASS_APPEND })
	c.start(4, false)
	c.eventually("the new member to know its leader", func() bool { return c.service(4).Status().Leader != 0 })
	if err, w := c.service(4).Ready(), c.warns(4, server.WarnCatchingUp); err == nil || w == "" {
		t.Errorf("it has nothing, and is ready (%v); its status says %q", err, w)
	}
	c.network.Drop(nil)
	c.eventually("the new member to be ready", func() bool { return c.service(4).Ready() == nil })
}
