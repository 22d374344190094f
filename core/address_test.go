package core_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// moved is an update of a member to these URLs.
func moved(id member.ID, urls ...string) member.Member { return member.Member{ID: id, PeerURLs: urls} }

// One of three is down. An update that takes the other follower to an address
// without a host would end the cluster, and is refused; so is one of the leader, whose
// new address no member has reached. An update that leaves a right address is taken.
func TestAnUpdateThatCostsTheQuorumIsRefused(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	other := c.other(leader)
	down := 6 - leader - other
	c.network.Isolate(uint64(down))
	ctx, nowhere := c.patience(), c.member(77).PeerURLs
	for _, id := range []member.ID{other, leader} {
		if _, err := c.service(leader).UpdateMember(ctx, moved(id, nowhere...), server.ChangeOptions{}); !errors.Is(err, server.ErrQuorumAtRisk) {
			t.Errorf("member %s moves to nowhere: %v, want %v", id, err, server.ErrQuorumAtRisk)
		}
	}
	c.propose(leader, "on")
	both := slices.Concat(nowhere, c.member(other).PeerURLs)
	if _, err := c.service(leader).UpdateMember(ctx, moved(other, both...), server.ChangeOptions{}); err != nil {
		t.Errorf("another address beside the right one: %v", err)
	}
	c.propose(leader, "on and on")
	c.network.HealAll()
}

// All three voters are there. One of them gets an address without a host. Until that is
// mended, no second voter gets one, and none is removed.
func TestOneMistypedAddressIsBorneAndNoSecondOne(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	first := c.other(leader)
	second := 6 - leader - first
	ctx, nowhere := c.patience(), c.member(77).PeerURLs
	at, right := c.service(leader), c.member(first).PeerURLs
	if _, err := at.UpdateMember(ctx, moved(first, nowhere...), server.ChangeOptions{}); err != nil {
		t.Fatalf("the first: %v", err)
	}
	if _, err := at.UpdateMember(ctx, moved(second, c.member(78).PeerURLs...), server.ChangeOptions{}); !errors.Is(err, server.ErrQuorumAtRisk) {
		t.Errorf("the second: %v, want %v", err, server.ErrQuorumAtRisk)
	}
	if _, err := at.RemoveMember(ctx, second, server.ChangeOptions{}); !errors.Is(err, server.ErrQuorumAtRisk) {
		t.Errorf("the removal of the second: %v, want %v", err, server.ErrQuorumAtRisk)
	}
	c.propose(leader, "on")
	if _, err := at.UpdateMember(ctx, moved(first, right...), server.ChangeOptions{}); err != nil {
		t.Errorf("it is mended: %v", err)
	}
	c.eventually("the first to be well again", func() bool {
		_, err := at.UpdateMember(ctx, moved(second, c.member(78).PeerURLs...), server.ChangeOptions{})
		return err == nil
	})
	c.propose(leader, "on and on")
}
