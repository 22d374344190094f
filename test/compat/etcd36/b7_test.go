package etcd36

import (
	"bytes"
	"sync/atomic"
	"testing"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// B7: one node with the protocol of etcd 2.0 and two with ours form a cluster
// and commit 1000 entries. The old one is upgraded while the cluster serves:
// its raft node goes on, over our transport at the same address. Another
// 1000 entries are committed, and the leader is the same all the time.
func TestB7OldPeerIsUpgraded(t *testing.T) {
	const commits, old = 1000, 3
	ids := []uint64{1, 2, old}
	config := "old_peers: true"
	ends := []*ourEnd{startOurs(t, 1, config, "127.0.0.1:0"), startOurs(t, 2, config, "127.0.0.1:0")}
	addresses := map[uint64]string{1: ends[0].address, 2: ends[1].address}

	var way atomic.Pointer[func(...raftpb.Message)] // the old node's way out
	third := newSeen()
	nothing := func(...raftpb.Message) {}
	way.Store(&nothing)
	nodes := []*raftNode{
		newRaftNode(1, ends[0].seen, ends[0].send, ids...),
		newRaftNode(2, ends[1].seen, ends[1].send, ids...),
		newRaftNode(old, third, func(m ...raftpb.Message) { (*way.Load())(m...) }, ids...),
	}
	for _, n := range nodes {
		defer n.end()
	}
	peer := startOld(t, old, "127.0.0.1:0", addresses, nodes[2].deliver, nodes[2].ReportUnreachable)
	send := peer.send
	way.Store(&send)
	address := func(id uint64) string {
		if id == old {
			return peer.address
		}
		return addresses[id]
	}
	connect := func(n *ourEnd) {
		var set transport.PeerSet
		for _, id := range ids {
			if id != n.id {
				set.Peers = append(set.Peers, transport.Peer{Id: id, Urls: []string{"http://" + address(id)}})
			}
		}
		n.peers(t, set)
	}
	for i, n := range ends {
		n.delivers(nodes[i].deliver)
		n.reports(nodes[i].ReportUnreachable)
		connect(n)
	}

	enough := func() bool { return false }
	level := func(count int) {
		t.Helper()
		propose(nodes, count, enough)
		nodes[0].await(t, "the same log on all", func() bool {
			return nodes[0].count() >= count && nodes[1].count() == nodes[0].count() && nodes[2].count() == nodes[0].count()
		}, nil)
	}
	// A leader whose followers include the old node.
	nodes[0].await(t, "a leader", func() bool { return leader(nodes) != 0 }, nil)
	if leader(nodes) == old {
		nodes[2].TransferLeadership(t.Context(), old, 1)
		nodes[0].await(t, "another leader", func() bool { return leader(nodes) == 1 }, nil)
	}
	level(commits)
	was, term := leader(nodes), nodes[0].Status().Term
	carried, posted := peer.counts()
	t.Logf("leader %d in term %d; the old node got %d frames and %d posts", was, term, carried, posted)
	if carried == 0 {
		t.Error("nothing went over the older stream")
	}

	way.Store(&nothing)
	peer.stop()
	upgraded := startOurs(t, old, "", peer.address)
	upgraded.delivers(nodes[2].deliver)
	upgraded.reports(nodes[2].ReportUnreachable)
	connect(upgraded)
	anew := upgraded.send
	way.Store(&anew)
	level(2 * commits)
	if now := leader(nodes); now != was || nodes[0].Status().Term != term {
		t.Errorf("leader %d in term %d, was %d in term %d", now, nodes[0].Status().Term, was, term)
	}
	for i, entry := range nodes[0].applied {
		if !bytes.Equal(entry, nodes[1].applied[i]) || !bytes.Equal(entry, nodes[2].applied[i]) {
			t.Fatalf("entry %d differs", i)
		}
	}
}

// leader is the node that all agree on, 0 if there is none.
func leader(nodes []*raftNode) uint64 {
	lead := nodes[0].Status().Lead
	for _, n := range nodes {
		if s := n.Status(); s.Lead != lead || (s.ID == lead) != (s.RaftState == raft.StateLeader) {
			return 0
		}
	}
	return lead
}
