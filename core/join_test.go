package core_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
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
