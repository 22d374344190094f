package transporttest

import (
	"errors"
	"sync"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testPeers: the set of peers changes while messages are sent.
func testPeers(t *testing.T, h Harness) {
	t.Run("added and removed while sending", func(t *testing.T) { testPeerChanges(t, h) })
	t.Run("moved to another URL", func(t *testing.T) {
		rule.Checks(t, "TR-6")
		c := newCluster(t, h, 2)
		c.establish()
		closeNode(t, c.nodes[2])
		c.nodes[2] = c.start(2, c.h.Listen)
		c.connect()
		c.establish()
	})
	t.Run("several URLs, the first one dead", func(t *testing.T) {
		rule.Checks(t, "TR-4")
		c := newCluster(t, h, 3)
		closeNode(t, c.nodes[3])
		dead := c.nodes[3].url
		delete(c.nodes, 3)
		for id := range c.nodes {
			set := c.others(id)
			for i := range set.Peers {
				set.Peers[i].Urls = append([]string{dead}, set.Peers[i].Urls...)
			}
			if err := c.nodes[id].transport.SetPeers(deadline(t), set); err != nil {
				t.Fatalf("set peers: %v", err)
			}
		}
		c.establish()
	})
	t.Run("a remote peer gets messages", func(t *testing.T) {
		rule.Checks(t, "TR-7")
		c := newCluster(t, h, 2)
		for id := range c.nodes {
			set := c.others(id)
			set.Peers[0].Remote = true
			if err := c.nodes[id].transport.SetPeers(deadline(t), set); err != nil {
				t.Fatalf("set peers: %v", err)
			}
		}
		c.establish()
	})
	t.Run("a removed member learns it, with proof", func(t *testing.T) { testRemoved(t, h) })
	t.Run("another cluster", func(t *testing.T) { testOtherCluster(t, h) })
}

func testPeerChanges(t *testing.T, h Harness) {
	rule.Checks(t, "TR-5")
	c := newCluster(t, h, 3)
	c.settle()
	var stable []transport.Envelope
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				c.send(newProbe(1, 3, pluginv1.MessageClass_CLASS_CONTROL))
			}
		}
	})
	for range 10 {
		without := c.others(1)
		without.Peers = without.Peers[:0]
		without.Peers = append(without.Peers, transport.Peer{Id: 2, Urls: []string{c.nodes[2].url}})
		if err := c.nodes[1].transport.SetPeers(deadline(t), without); err != nil {
			t.Fatalf("remove a peer: %v", err)
		}
		m := newProbe(1, 2, pluginv1.MessageClass_CLASS_APPEND)
		c.send(m)
		stable = append(stable, m)
		c.setPeers(1)
	}
	close(stop)
	sender.Wait()
	c.nodes[2].await(t, "messages to the peer that stayed", func() bool { return c.nodes[2].hasAll(stable) }, nil)
	checkOrder(t, c.nodes[2].received(), stable)
	c.establish()
}

func testRemoved(t *testing.T, h Harness) {
	rule.Checks(t, "TR-8")
	c := newCluster(t, h, 2)
	c.establish()
	set := transport.PeerSet{Removed: []transport.RemovedMember{{Id: 2, Index: 11, Term: 5}}}
	if err := c.nodes[1].transport.SetPeers(deadline(t), set); err != nil {
		t.Fatalf("remove member 2: %v", err)
	}
	n := c.nodes[2]
	n.await(t, "the removed member to learn it", func() bool {
		return n.count(func(e transport.Event) bool {
			return e.Type == pluginv1.EventType_EVENT_REMOVED && e.Peer == 1 && e.Index == 11 && e.Term == 5
		}) > 0
	}, func() { c.send(newProbe(2, 1, pluginv1.MessageClass_CLASS_CONTROL)) })
	if err := c.sendSnapshot(deadline(t), 2, 1, 8, nil); !errors.Is(err, transport.ErrSnapshotRefused) {
		t.Errorf("a snapshot of a removed member: got %v, want ErrSnapshotRefused", err)
	}
}

// testOtherCluster: nothing goes between clusters, and no member is removed.
func testOtherCluster(t *testing.T, h Harness) {
	rule.Checks(t, "TR-9", "TR-8")
	c := newCluster(t, h, 1)
	stranger := &node{id: 2, recorder: newRecorder(h.Patience), transport: h.New(t)}
	opts := c.options(2, h.Listen)
	opts.ClusterID++
	opts.Config = h.config(t, opts.ClusterID, opts.NodeID)
	address, err := stranger.transport.Open(deadline(t), opts, stranger.recorder)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = stranger.transport.Close(deadline(t)) })
	stranger.url = h.URL(address)
	c.nodes[2] = stranger
	c.connect()
	for range 5 {
		for _, way := range []direction{{1, 2}, {2, 1}} {
			checkReport(t, c, way.from, way.to, func() { c.send(newProbe(way.from, way.to, pluginv1.MessageClass_CLASS_CONTROL)) })
		}
	}
	for id, n := range c.nodes {
		if len(n.received()) > 0 {
			t.Errorf("node %d got a message of another cluster", id)
		}
		if n.count(func(e transport.Event) bool { return e.Type == pluginv1.EventType_EVENT_REMOVED }) > 0 {
			t.Errorf("node %d was told that it was removed", id)
		}
	}
}
