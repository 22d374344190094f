package core_test

import (
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A6: an embedder sees the cluster through a view: its id, its members by
// their ids, where clients reach them, and the version. The view follows the
// membership on each member.
func TestA6EmbeddersSeeTheClusterThroughAView(t *testing.T) {
	c := newCluster(t, 3, func(cfg *core.Config) {
		cfg.Version = "1.2.3"
		cfg.ClientTLS.ClientAuth = "none" // as the host's configuration says it without TLS
	})
	leader := c.leader()
	view := c.nodes[leader].host.Cluster()
	if config := c.config(c.nodes[leader], leader, true); view.ID() != config.ClusterID || view.Version() != "1.2.3" {
		t.Errorf("cluster %x of version %q, want %x of 1.2.3", view.ID(), view.Version(), config.ClusterID)
	}
	for id, n := range c.nodes {
		c.eventually("all members in the view", func() bool { return len(n.host.Cluster().Members()) == 3 })
		for _, m := range c.members {
			got, ok := n.host.Cluster().Member(uint64(m.ID))
			if !ok || got.Name != m.Name || !slices.Equal(got.PeerURLs, m.PeerURLs) || got.Learner || got.ClientURL != "http://"+m.ClientAddress {
				t.Errorf("member %d sees %d as %+v, %v, want %+v", id, m.ID, got, ok, m)
			}
		}
	}
	if urls := view.ClientURLs(); len(urls) != 3 || !slices.IsSorted(urls) {
		t.Errorf("client URLs %q", urls)
	}

	gone := c.other(leader)
	if _, err := c.service(leader).RemoveMember(t.Context(), gone, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := view.Member(uint64(gone)); ok || len(view.Members()) != 2 || len(view.ClientURLs()) != 2 {
		t.Errorf("member %d was removed, and the view has %+v", gone, view.Members())
	}
}

// A6: the members that the view gives out are the caller's own, and cannot change the host's
// membership.
func TestA6TheViewCannotBeWrittenThrough(t *testing.T) {
	c := newCluster(t, 1, nil)
	view := c.nodes[c.leader()].host.Cluster()
	members := view.Members()
	members[0].Name, members[0].PeerURLs[0] = "another", "http://elsewhere:1"
	if m := view.Members()[0]; m.Name == "another" || m.PeerURLs[0] == "http://elsewhere:1" {
		t.Errorf("the host's membership was changed by a caller: %+v", m)
	}
}

// A6: the removal of a member that was removed before, or never was one, changes nothing,
// also when the log is read again.
func TestA6RemovingWhatIsNotThereChangesNothing(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.keepDirs()
	c.found(3)
	leader := c.leader()
	gone := c.other(leader)
	ctx := c.patience()
	if _, err := c.service(leader).RemoveMember(ctx, gone, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.stop(gone)
	delete(c.nodes, gone)
	before := c.nodes[leader].host.Cluster().Members()
	for _, id := range []member.ID{gone, 99} {
		if _, err := c.service(leader).RemoveMember(ctx, id, server.ChangeOptions{}); err != nil {
			t.Errorf("removing %s: %v", id, err)
		}
	}
	for id := range c.nodes {
		c.stop(id)
		c.start(id, true)
	}
	c.propose(c.leader(), "after")
	for id, n := range c.nodes {
		if got := n.host.Cluster().Members(); len(got) != 2 || !slices.EqualFunc(got, before, func(a, b core.Member) bool { return a.ID == b.ID && a.Name == b.Name }) {
			t.Errorf("member %s sees %+v, want %+v", id, got, before)
		}
	}
}
