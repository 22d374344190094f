package transporttest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// RunMembers is the part of Run that asks whether those are heard who are members,
// for a transport with certificates that is put to the rest without them.
func RunMembers(t *testing.T, h Harness) {
	if h.Patience == 0 {
		h.Patience = patience
	}
	testMembers(t, h)
}

// testMembers: a caller that proves to be of the cluster need not be a member
// of it.
func testMembers(t *testing.T, h Harness) {
	if !h.Proves {
		t.Skip("members of this transport do not prove who they are")
	}
	t.Run("one that is no member is not heard", func(t *testing.T) { testNoMember(t, h) })
	t.Run("one that another member knows is heard", func(t *testing.T) { testKnownToAnother(t, h) })
	t.Run("a node that is no member yet hears others", func(t *testing.T) { testJoining(t, h) })
}

// withThird is a cluster of nodes 1 and 2, and node 3, which knows both and is
// known to those that are named.
func withThird(t *testing.T, h Harness, known ...uint64) *cluster {
	c := newCluster(t, h, 2)
	c.establish()
	c.nodes[3] = c.start(3, h.Listen)
	c.setPeers(3)
	for _, id := range known {
		c.setPeers(id)
	}
	return c
}

// testNoMember: neither messages nor snapshots of it reach a host. When it becomes
// a member they do.
func testNoMember(t *testing.T, h Harness) {
	rule.Checks(t, "TR-11")
	c := withThird(t, h)
	third, member := c.nodes[3], c.nodes[1]
	for _, class := range classes {
		before := third.count(unreachable(1))
		third.await(t, "a report of the lost message", func() bool { return third.count(unreachable(1)) > before },
			func() { c.send(newProbe(3, 1, class)) })
	}
	if err := c.sendSnapshot(deadline(t), 3, 1, 8, nil); err == nil {
		t.Error("a snapshot of one that is no member was accepted")
	}
	for _, m := range member.received() {
		if m.From == 3 {
			t.Fatal("a message of one that is no member was heard")
		}
	}
	c.setPeers(1)
	c.establishLink(3, 1)
}

// testKnownToAnother: node 1 has not heard yet that node 3 is a member, and node
// 2 has. It takes the word of node 2, and no message of node 3 is in vain for
// good: it may be needed for an election.
func testKnownToAnother(t *testing.T, h Harness) {
	rule.Checks(t, "TR-11")
	c := withThird(t, h, 2)
	c.establishLink(3, 1)
}

// testJoining: a node that is to join knows none of those who know it.
func testJoining(t *testing.T, h Harness) {
	rule.Checks(t, "TR-11")
	c := &cluster{t: t, h: h, nodes: map[uint64]*node{}}
	for _, id := range []uint64{1, 3} {
		c.nodes[id] = c.start(id, h.Listen)
	}
	if err := c.nodes[1].transport.SetPeers(deadline(t), transport.PeerSet{Joining: true}); err != nil {
		t.Fatalf("set peers: %v", err)
	}
	c.setPeers(3)
	c.establishLink(3, 1)
}
