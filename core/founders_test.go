package core_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/server"
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
// and have nothing of theirs; the setting is named.
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
			leader := c.leader(1, 2)
			c.propose(leader, "by those that agree")
			for _, id := range wrong.bear {
				if c.service(id).Ready() == nil || c.has(id, "by those that agree") {
					t.Errorf("member %s serves, and has %v", id, c.nodes[id].machine().Entries())
				}
			}
			c.eventually("status to name the setting", func() bool {
				return slices.ContainsFunc(append(c.service(1).Status().Links, c.service(2).Status().Links...), func(l server.PeerLink) bool {
					return l.ID == 3 && strings.Contains(l.Error, "cluster.members")
				})
			})
		})
	}
}
