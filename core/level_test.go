package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// builds lets each member be of a build that understands a level of its own.
func builds(t *testing.T, size int, level *[5]atomic.Uint64) *cluster {
	return newCluster(t, size, func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 1
		core.SetLevel(cfg, level[member.ID(cfg.ID)].Load())
	})
}

// replace stops a member and starts it with another build.
func (c *cluster) replace(id member.ID, level *[5]atomic.Uint64, to uint64) {
	c.stop(id)
	level[id].Store(to)
	c.start(id, true)
}

// atLevel waits until all members have a level.
func (c *cluster) atLevel(level uint64) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("level %d on all members", level), func() bool {
		for _, m := range c.members {
			if c.service(m.ID).Status().Level != level {
				return false
			}
		}
		return true
	})
}

// refusal starts a member with the build that it has and returns why it does not
// start, or why it ends.
func (c *cluster) refusal(id member.ID) error {
	c.t.Helper()
	host, err := c.tryStart(id, true)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	select {
	case <-host.Failed():
		return host.Err()
	case <-ctx.Done():
		return nil
	}
}

// Two builds in one cluster, mixed both ways under load: members are replaced one
// after the other by a build that understands more, and one of them back while the
// mixture lasts. The level is raised when the last one understands it, and then the
// older build does not start any more, neither from the log nor from a snapshot.
func TestUpgradeRaisesTheLevelAndDowngradeIsRefused(t *testing.T) {
	var level [5]atomic.Uint64
	for i := range level {
		level[i].Store(1)
	}
	c := builds(t, 3, &level)
	c.leader()
	c.atLevel(1)
	written := 0
	load := func() {
		for range 15 {
			c.propose(member.ID(written%3+1), fmt.Sprintf("w%d", written))
			written++
		}
	}
	for _, step := range []struct {
		id member.ID
		to uint64
	}{{1, 2}, {2, 2}, {1, 1}, {3, 2}} {
		load()
		c.replace(step.id, &level, step.to)
		c.leader()
		load()
		for _, m := range c.members {
			if got := c.service(m.ID).Status(); got.Level > 1 {
				t.Fatalf("member %s is at level %d while member 1 or 3 understands 1", m.ID, got.Level)
			}
		}
	}
	c.replace(1, &level, 2)
	c.leader()
	c.atLevel(2)
	load()
	c.stop(2)
	level[2].Store(1)
	err := c.refusal(2)
	if !errors.Is(err, member.ErrNewer) || !strings.Contains(err.Error(), "feature level 2") {
		t.Fatalf("the older build: %v, want %v", err, member.ErrNewer)
	}
	level[2].Store(2)
	c.start(2, true)
	c.leader()
	load()
	c.query(2, "count")
	if got := c.converged(); len(got) != written {
		t.Errorf("state has %d entries, %d were written", len(got), written)
	}
}

// A member of an older build that keeps the others from the next level is named by the
// leader after a while, and is not when it is replaced.
func TestAMemberThatHoldsTheLevelBackIsNamed(t *testing.T) {
	var level [5]atomic.Uint64
	for i := range level {
		level[i].Store(2)
	}
	level[3].Store(1)
	c := builds(t, 3, &level)
	leader := c.leader()
	held := func(ids ...member.ID) (text string) {
		for _, w := range c.service(c.leader(ids...)).Status().Warnings {
			if w.Reason == server.WarnLevelHeld {
				text = w.Text
			}
		}
		return text
	}
	c.eventually("the member is named", func() bool {
		return strings.Contains(held(), "at feature level 1 for") && strings.HasSuffix(held(), ": 3 understands 1")
	})
	if leader != 3 {
		c.stop(3)
		c.eventually("the member that is down is named", func() bool { return strings.HasSuffix(held(1, 2), ": 3 is not heard") })
		level[3].Store(2)
		c.start(3, true)
	} else {
		c.replace(3, &level, 2)
	}
	c.atLevel(2)
	if text := held(); text != "" {
		t.Errorf("it says %q at level 2", text)
	}
}

// A member of an older build that is added to a cluster ends with the sentence when
// it meets the level, in the log or in a snapshot, and the others go on.
func TestOlderBuildCannotJoin(t *testing.T) {
	for _, compacted := range []bool{false, true} {
		t.Run(fmt.Sprintf("compacted %v", compacted), func(t *testing.T) {
			var level [5]atomic.Uint64
			for i := range level {
				level[i].Store(2)
			}
			level[4].Store(1)
			c := builds(t, 3, &level)
			leader := c.leader()
			c.atLevel(2)
			for i := 0; compacted && c.service(leader).Status().FirstIndex < 10; i++ {
				c.propose(leader, fmt.Sprint(i))
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			fourth := c.member(4)
			if _, err := c.service(leader).AddMember(ctx, fourth, server.ChangeOptions{}); err != nil {
				t.Fatal(err)
			}
			c.members = append(c.members, fourth)
			c.start(4, false)
			host := c.nodes[4].host
			select {
			case <-host.Failed():
			case <-ctx.Done():
				t.Fatal("member 4 goes on")
			}
			if err := host.Err(); !errors.Is(err, member.ErrNewer) {
				t.Errorf("member 4 ended with %v, want %v", err, member.ErrNewer)
			}
			c.propose(leader, "end")
		})
	}
}
