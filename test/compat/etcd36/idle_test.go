package etcd36

import (
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// Streams live on link heartbeats through 12 s in which nothing else goes
// over them, both ways. In a freeze of 6 s ours gives up those that it has
// dialled. etcd means to, but does not: its transport sets http.Transport.Dial,
// with the timeouts, beside DialContext, which net/http prefers. Its streams
// go on after the freeze, and nothing is lost but time.
//
// The test counts streams that were opened, not requests: etcd dials before our
// node has been told of it and is refused until then, and an append goes over
// the message stream while its own is not there yet.
func TestB5IdleStreamsStayAndFrozenOnesEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	t.Parallel()
	etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
	etcdRelay, ourRelay := transporttest.NewRelay(t, etcd.address()), transporttest.NewRelay(t, ours.address)
	toEtcd, toOurs := newFront(t, etcdRelay.Address()), newFront(t, ourRelay.Address())
	etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + toOurs.address()})
	etcd.await(t, "etcd to be refused twice", func() bool { return toOurs.count("/raft/stream/msgapp") > 1 }, nil)
	ours.peer(t, etcdID, toEtcd.address())
	opened := func() (n [4]int) {
		for i, f := range []*front{toEtcd, toOurs} {
			n[2*i], n[2*i+1] = f.streams("/raft/stream/message"), f.streams("/raft/stream/msgapp")
		}
		return n
	}
	etcd.await(t, "four streams", func() bool {
		n := opened()
		return min(n[0], n[1], n[2], n[3]) > 0 && etcd.transport.ActivePeers() == 1
	}, nil)
	posts := func() int { return toEtcd.count("/raft") + toOurs.count("/raft") }
	settle(t, etcd.send, ours.seen, posts, etcdID, ourID)
	settle(t, ours.send, etcd.seen, posts, ourID, etcdID)
	before := opened()
	<-time.After(12 * time.Second)
	if after := opened(); after != before {
		t.Errorf("idle streams were opened again: %v, before %v", after, before)
	}
	for _, r := range []*transporttest.Relay{etcdRelay, ourRelay} {
		r.Stall()
	}
	<-time.After(6 * time.Second)
	for _, r := range []*transporttest.Relay{etcdRelay, ourRelay} {
		r.Resume()
	}
	etcd.await(t, "our streams to be dialled again", func() bool {
		now := opened()
		return now[0] > before[0] && now[1] > before[1]
	}, nil)
	settle(t, etcd.send, ours.seen, posts, etcdID, ourID)
	settle(t, ours.send, etcd.seen, posts, ourID, etcdID)
}
