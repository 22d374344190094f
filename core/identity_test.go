package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// keepDirs gives each member a data directory that outlives its host.
func (c *cluster) keepDirs() {
	dirs := map[member.ID]string{}
	before := c.tune
	c.tune = func(cfg *core.Config) {
		if dirs[member.ID(cfg.ID)] == "" {
			dirs[member.ID(cfg.ID)] = cfg.DataDir
		}
		cfg.DataDir = dirs[member.ID(cfg.ID)]
		if before != nil {
			before(cfg)
		}
	}
}

// registered waits until every member knows every store by the log.
func (c *cluster) registered() {
	c.t.Helper()
	c.eventually("all stores registered", func() bool {
		for _, m := range c.members {
			for _, other := range c.service(m.ID).Membership().Members {
				if other.Store == 0 {
					return false
				}
			}
		}
		return true
	})
}

// wipe stops a member and empties its disk, as if its volume were lost.
func (c *cluster) wipe(id member.ID) {
	c.stop(id)
	c.nodes[id].disk = storagetest.NewDisk()
}

func (c *cluster) has(id member.ID, text string) bool {
	for _, e := range c.nodes[id].machine().Entries() {
		if string(e.Data) == text {
			return true
		}
	}
	return false
}

// ended waits until a host ends by itself, and returns why.
func (c *cluster) ended(id member.ID) error {
	c.t.Helper()
	h := c.nodes[id].host
	c.eventually("the end of a host", func() bool {
		select {
		case <-h.Failed():
			return true
		default:
			return false
		}
	})
	return h.Err()
}

// A and B have committed a write, C was cut off. B loses its disk and comes
// back under its id, and A is cut off: C must not lead by B's vote.
func TestAWipedVoterDoesNotVoteAWriteAway(t *testing.T) {
	for _, bootstrap := range []bool{true, false} {
		c := newCluster(t, 3, nil)
		a := c.leader()
		c.registered()
		b := c.other(a)
		d := 6 - a - b
		c.network.Isolate(uint64(d))
		c.propose(a, "acknowledged")
		c.wipe(b)
		c.network.Cut(uint64(a), uint64(b))
		c.network.Cut(uint64(a), uint64(d))
		c.network.Heal(uint64(b), uint64(d))
		c.start(b, bootstrap)
		if err := c.ended(b); !errors.Is(err, core.ErrLostData) {
			t.Errorf("bootstrap %v: the wiped member ended with %v", bootstrap, err)
		}
		if st := c.service(d).Status(); st.Role == "leader" || st.Leader == b {
			t.Errorf("bootstrap %v: the member without the write has leader %s", bootstrap, st.Leader)
		}
		c.network.HealAll()
		c.leader(a, d)
		c.eventually("the write on both", func() bool { return c.has(a, "acknowledged") && c.has(d, "acknowledged") })
	}
}

// Two of three lose their disks, whatever starts first: no member is ready with
// one history while another one has the other.
func TestAMajorityThatLostItsDisksFoundsNoSecondHistory(t *testing.T) {
	for _, late := range []bool{true, false} {
		c := newCluster(t, 3, nil)
		c.leader()
		c.registered()
		c.propose(1, "old")
		c.eventually("the write everywhere", func() bool { return c.has(3, "old") })
		c.wipe(1)
		c.wipe(2)
		if late {
			c.stop(3)
		}
		c.start(1, true)
		c.start(2, true)
		if late {
			c.leader(1, 2)
			c.propose(1, "new")
			c.start(3, true)
		}
		c.eventually("nobody ready", func() bool {
			return c.service(1).Ready() != nil && c.service(2).Ready() != nil && c.service(3).Ready() != nil
		})
		c.eventually("the survivor to have its own history", func() bool { return c.has(3, "old") })
		if c.has(3, "new") {
			t.Errorf("late %v: the survivor has %v", late, c.nodes[3].machine().Entries())
		}
		var refusal *server.Error
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		if _, err := c.service(1).Propose(ctx, []byte("more")); !errors.As(err, &refusal) {
			t.Errorf("late %v: a write in the second history: %v", late, err)
		}
		cancel()
	}
}

// A member that was added is started as a founder: it ends with a sentence that
// names the setting, and the cluster goes on, a cluster of one too.
func TestAMemberThatJoinsAsAFounderEnds(t *testing.T) {
	for _, founders := range []int{3, 1} {
		t.Run(fmt.Sprint(founders), func(t *testing.T) {
			c := newCluster(t, founders, nil)
			leader := c.leader()
			added := c.member(member.ID(founders + 1))
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			c.eventually("the addition", func() bool {
				_, err := c.service(leader).AddMember(ctx, added, server.ChangeOptions{})
				return err == nil || errors.Is(err, server.ErrChangeRefused)
			})
			before := c.members
			c.members = append(slices.Clone(before), added)
			c.startRefused(added.ID, true)
			c.members = before
			err := c.ended(added.ID)
			if !errors.Is(err, core.ErrOtherCluster) || !strings.Contains(err.Error(), "cluster.state") {
				t.Errorf("it ended with %v", err)
			}
			c.propose(leader, "goes on")
		})
	}
}

// The next host knows of its store all that the one before knew.
func TestALossIsRememberedByTheNextStart(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.members = []member.Member{c.member(1)}
	c.keepDirs()
	c.start(1, true)
	c.leader(1)
	c.propose(1, "one")
	c.wipe(1)
	for range 2 {
		host, err := core.New(c.config(c.nodes[1], 1, true))
		if err != nil {
			t.Fatal(err)
		}
		c.nodes[1].host = host
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		if err := host.Start(ctx); !errors.Is(err, core.ErrLostData) {
			t.Errorf("start on an emptied store: %v", err)
		}
		cancel()
	}
}
