package peertlstest

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// patience bounds a test that fails.
const patience = time.Minute

// RunReplaced puts a transport to the test: a member whose tls.ca loses an authority
// ends the connections with members that have shown certificates of it, whichever of
// both has dialled, keeps the others, and makes new ones once there are new certificates.
// Make returns a transport that is not open, and url the URL of an address.
func RunReplaced(t *testing.T, make func() transport.Transport, url func(address string) string) {
	// Of two members the one with the lower id dials, as a rule.
	for _, ids := range [][3]uint64{{1, 2, 3}, {3, 1, 2}} {
		t.Run(fmt.Sprintf("by member %d", ids[0]), func(t *testing.T) {
			t.Parallel()
			testReplaced(t, make, url, ids[0], ids[1], ids[2])
		})
	}
}

func testReplaced(t *testing.T, make func() transport.Transport, url func(string) string, judge, old, good uint64) {
	going, staying := New(t), New(t)
	nodes, urls := map[uint64]*replaced{}, map[uint64]string{}
	for id, forge := range map[uint64]*Forge{judge: staying, old: going, good: staying} {
		n := &replaced{files: forge.Files(t, replacedName(id)), transport: make()}
		WriteFile(t, n.files.CA, append(going.text(t), staying.text(t)...))
		nodes[id], urls[id] = n, url(n.open(t, id))
	}
	for id, n := range nodes {
		var set transport.PeerSet
		for other, url := range urls {
			if other != id {
				set.Peers = append(set.Peers, transport.Peer{Id: other, Urls: []string{url}})
			}
		}
		if err := n.transport.SetPeers(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	for id, n := range nodes {
		for other := range nodes {
			if other != id {
				n.await(t, pluginv1.EventType_EVENT_ACTIVE, other, 1)
			}
		}
	}
	// Two that dialled each other at once have ended one of two connections before.
	stay := [][2]uint64{{judge, good}, {good, judge}, {old, good}, {good, old}}
	ended := func(link [2]uint64) int { return nodes[link[0]].count(pluginv1.EventType_EVENT_INACTIVE, link[1]) }
	before := map[[2]uint64]int{}
	for _, link := range append([][2]uint64{{judge, old}, {old, judge}}, stay...) {
		before[link] = ended(link)
	}
	WriteFile(t, nodes[judge].files.CA, staying.text(t))
	nodes[judge].await(t, pluginv1.EventType_EVENT_INACTIVE, old, before[[2]uint64{judge, old}]+1)
	nodes[old].await(t, pluginv1.EventType_EVENT_INACTIVE, judge, before[[2]uint64{old, judge}]+1)
	ups := nodes[judge].count(pluginv1.EventType_EVENT_ACTIVE, old)
	Write(t, nodes[old].files, staying.Pair(t, replacedName(old), nil))
	nodes[judge].await(t, pluginv1.EventType_EVENT_ACTIVE, old, ups+1)
	for _, link := range stay {
		if ended(link) > before[link] {
			t.Errorf("the connection of %d with %d ended too", link[0], link[1])
		}
	}
}

func replacedName(id uint64) membercert.Name { return membercert.Name{Cluster: 0xabc, Member: id} }

func (f *Forge) text(t *testing.T) []byte {
	t.Helper()
	pair, err := f.Authority.Pair()
	if err != nil {
		t.Fatal(err)
	}
	return pair.Cert
}

// replaced is one node of that test, and its handler.
type replaced struct {
	files     peertls.Files
	transport transport.Transport

	mu     sync.Mutex
	events []transport.Event
}

func (n *replaced) open(t *testing.T, id uint64) (address string) {
	t.Helper()
	address, err := n.transport.Open(t.Context(), transport.Options{
		Options: plugins.Options{
			ClusterID: 0xabc, NodeID: id, Group: 1, Limits: plugins.DefaultLimits(), Election: time.Second,
			Config: fmt.Appendf(nil, "tls: {cert: %q, key: %q, ca: %q}\n", n.files.Cert, n.files.Key, n.files.CA),
		},
		Listen: "127.0.0.1:0",
	}, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.transport.Close(context.Background()) })
	return address
}

// Deliver implements transport.Handler.
func (n *replaced) Deliver([]transport.Envelope) {}

// ReceiveSnapshot implements transport.Handler.
func (n *replaced) ReceiveSnapshot(context.Context, transport.SnapshotHeader, io.Reader) error {
	return nil
}

// Notify implements transport.Handler.
func (n *replaced) Notify(events []transport.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, events...)
}

func (n *replaced) count(kind pluginv1.EventType, peer uint64) (all int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Type == kind && e.Peer == peer {
			all++
		}
	}
	return all
}

// await waits until so many such events have come.
func (n *replaced) await(t *testing.T, kind pluginv1.EventType, peer uint64, all int) {
	t.Helper()
	for end := time.Now().Add(patience); n.count(kind, peer) < all; <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %v of %d", patience, kind, peer)
		}
	}
}
