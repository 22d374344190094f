package core_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// Founding lists that differ: a member that is alone in its own does not serve
// beside the cluster that lists it.
func TestFoundersWithDifferentListsDoNotBothServe(t *testing.T) {
	c := newCluster(t, 0, nil)
	all := []member.Member{c.member(1), c.member(2), c.member(3)}
	c.members = all[2:]
	c.start(3, true)
	c.leader(3)
	c.members = all
	c.start(1, true)
	c.start(2, true)
	leader := c.leader(1, 2)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if _, err := c.service(leader).TransferLeader(ctx, 3-leader); err != nil { // each of them calls the lone one once
		t.Fatal(err)
	}
	c.eventually("the lone one is not ready", func() bool { return c.service(3).Ready() != nil })
	c.eventually("the leader of the others says why", func() bool {
		for _, l := range c.service(c.service(1).Status().Leader).Status().Links {
			if l.ID == 3 && strings.Contains(l.Error, "cluster.members") {
				return true
			}
		}
		return false
	})
	c.propose(1, "goes on")
}

// Founders whose lists differ from those of the others, in an address or in a
// member more: whichever starts first, they do not serve beside those that agree,
// and have nothing of theirs; the setting is named. They end, as their list has no
// majority without those that agree, and these found their cluster then.
func TestFoundersWithOtherListsThanAMajorityDoNotServe(t *testing.T) {
	for name, wrong := range map[string]struct {
		change func([]member.Member) []member.Member
		bear   []member.ID // the wrong list
	}{
		"another address": {func(l []member.Member) []member.Member {
			l[0].PeerURLs = []string{transporttest.URL("node-1:2")}
			return l
		}, []member.ID{3}},
		"four against three": {func(l []member.Member) []member.Member {
			return append(l, member.Member{ID: 4, Name: "n4", ClientAddress: "127.0.0.1:4", PeerURLs: []string{transporttest.URL(address(4))}})
		}, []member.ID{3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 0, nil)
			right := []member.Member{c.member(1), c.member(2), c.member(3)}
			c.members = wrong.change(slices.Clone(right))
			for _, id := range wrong.bear {
				c.start(id, true)
			}
			c.members = right
			c.start(1, true)
			c.start(2, true)
			c.eventually("status to name the setting", func() bool {
				return slices.ContainsFunc(append(c.service(1).Status().Links, c.service(2).Status().Links...), func(l server.PeerLink) bool {
					return l.ID == 3 && strings.Contains(l.Error, "cluster.members")
				})
			})
			for _, id := range wrong.bear {
				if err := c.ended(id); !errors.Is(err, core.ErrOtherCluster) {
					t.Errorf("member %s ends with %v", id, err)
				}
				c.stop(id) // as its program does
			}
			leader := c.leader(1, 2)
			c.propose(leader, "by those that agree")
			for _, id := range wrong.bear {
				if c.service(id).Ready() == nil || c.has(id, "by those that agree") {
					t.Errorf("member %s serves, and has %v", id, c.nodes[id].machine().Entries())
				}
			}
		})
	}
}

// Two lists of which each has a majority of members that go by it: {1,2,3} on 1 and 2,
// {1,2,3,4,5} on 3, 4 and 5. At most one of the two is founded. Where one side was
// there before the other one could say so, that is the one, and the others say what is
// wrong; where all heard of the other list before any election, none is, until an
// operator has decided.
func TestOfTwoListsWithAMajorityEachOneIsFoundedAtMost(t *testing.T) {
	for name, order := range map[string][]member.ID{"the small list first": {1, 2, 3, 4, 5}, "the large list first": {3, 4, 5, 1, 2}, "none before they meet": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 0, nil)
			small, large := c.lists()
			founded, others := small, large
			if order == nil {
				c.meetFirst(small, large)
			} else {
				if order[0] == 3 {
					founded, others = large, small
				}
				c.startFounders(founded)
				c.leader(founded.bear...)
				c.propose(founded.bear[0], "founded")
				c.startFounders(others)
				c.waitFor("founded already", others)
				c.propose(founded.bear[1], "goes on")
				return
			}
			c.waitFor("founds no cluster with others while", small, large)
			for id := range c.nodes {
				if leader := c.service(id).Status().Leader; leader != 0 {
					t.Errorf("member %s has the leader %s", id, leader)
				}
			}
			// The way out: those that are wrong are corrected and begin anew.
			for _, id := range large.bear {
				c.wipe(id)
			}
			c.members = small.list
			c.start(3, true)
			c.propose(c.leader(1, 2, 3), "decided")
		})
	}
}

// founders are members that are started with the same list.
type founders struct {
	bear []member.ID
	list []member.Member
}

// lists are a list of three that two of them have, and one of five that the other three have.
func (c *cluster) lists() (small, large founders) {
	var all []member.Member
	for id := member.ID(1); id <= 5; id++ {
		all = append(all, c.member(id))
	}
	return founders{[]member.ID{1, 2}, all[:3]}, founders{[]member.ID{3, 4, 5}, all}
}

func (c *cluster) startFounders(f founders) {
	c.t.Helper()
	c.members = f.list
	for _, id := range f.bear {
		c.start(id, true)
	}
}

// meetFirst starts founders that hear of the other list before they can elect anyone:
// the links between the lists are there first, and those within a list when all know.
func (c *cluster) meetFirst(one, other founders) {
	c.t.Helper()
	for a := uint64(1); a <= 5; a++ {
		for b := a + 1; b <= 5; b++ {
			c.network.Cut(a, b)
		}
	}
	c.startFounders(one)
	c.startFounders(other)
	for _, a := range one.bear {
		for _, b := range other.bear {
			c.network.Heal(uint64(a), uint64(b))
		}
	}
	c.waitFor("founds no cluster with others while", one, other)
	c.network.HealAll()
}

// waitFor waits until all of them say that they take no part in a founding, and why.
func (c *cluster) waitFor(why string, all ...founders) {
	c.t.Helper()
	for _, f := range all {
		for _, id := range f.bear {
			c.eventually("member "+id.String()+" to wait", func() bool {
				err := c.service(id).Ready()
				return err != nil && strings.Contains(err.Error(), why)
			})
		}
	}
}

// Three members of which one is not there found without an operator; so does the
// third one when it comes.
func TestTwoOfThreeFoundWithoutTheThird(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.members = []member.Member{c.member(1), c.member(2), c.member(3)}
	c.start(2, true)
	c.start(1, true)
	c.propose(c.leader(1, 2), "by two")
	c.start(3, true)
	c.leader(1, 2, 3)
	c.eventually("the write on the third", func() bool { return c.has(3, "by two") })
}

// A founder whose list is wrong is started anew to join the cluster of the others, and
// its data directory was not emptied. Its log begins with another list than theirs: it
// is not a member of their cluster, whatever its configuration says now.
func TestAFounderThatIsStartedToJoinKeepsItsFounding(t *testing.T) {
	for name, wrong := range map[string]func(*cluster) []member.Member{
		"another address": func(c *cluster) []member.Member {
			other := c.member(1)
			other.PeerURLs = []string{transporttest.URL("node-1:2")}
			return []member.Member{other, c.member(2), c.member(3)}
		},
		"a member less": func(c *cluster) []member.Member { return []member.Member{c.member(1), c.member(3)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 0, nil)
			c.keepDirs()
			c.members = wrong(c)
			c.start(3, true)
			c.eventually("the founding to be durable", func() bool { return c.service(3).Status().Applied > 0 })
			c.stop(3)
			c.members = []member.Member{c.member(1), c.member(2), c.member(3)}
			c.start(1, true)
			c.start(2, true)
			c.propose(c.leader(1, 2), "by those that agree")
			c.startRefused(3, false)
			c.eventually("it to say that it belongs to another cluster", func() bool {
				if err := c.nodes[3].host.Err(); err != nil { // it has ended, since all others say so
					return errors.Is(err, core.ErrOtherCluster)
				}
				err := c.service(3).Ready()
				return err != nil && strings.Contains(err.Error(), core.ErrOtherCluster.Error())
			})
			c.propose(c.leader(1, 2), "on")
			if c.has(3, "by those that agree") {
				t.Error("it has what the other cluster wrote")
			}
		})
	}
}
