package etcd36

import (
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A member that etcd has removed hears it, without the proof that etcd does
// not have.
func TestEtcdRemovesOurs(t *testing.T) {
	etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
	etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + ours.address})
	ours.peer(t, etcdID, etcd.address())
	settle(t, ours.send, etcd.seen, func() int { return 0 }, ourID, etcdID)
	etcd.remove(ourID)
	started := time.Now()
	e := awaitEvent(t, ours, pluginv1.EventType_EVENT_REMOVED)
	t.Logf("heard of it after %v", time.Since(started))
	if e.Peer != etcdID || e.Index != 0 || e.Term != 0 {
		t.Errorf("got %v", e)
	}
}

// A member that ours has removed gets etcd's critical error, and stops.
func TestOursRemovesEtcd(t *testing.T) {
	etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
	etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + ours.address})
	ours.peer(t, etcdID, etcd.address())
	settle(t, etcd.send, ours.seen, func() int { return 0 }, etcdID, ourID)
	ours.peers(t, transport.PeerSet{Removed: []transport.RemovedMember{{Id: etcdID, Index: 9, Term: 2}}})
	started := time.Now()
	select {
	case err := <-etcd.errors:
		t.Logf("critical error after %v: %v", time.Since(started), err)
	case <-time.After(patience):
		t.Fatal("etcd was not told")
	}
}

// etcd's pipeline has answered messages of removed members, and those for
// another member, with 403, or since 2.3 with 500 and a broken connection.
// Neither is proof of anything: the peer is unreachable, and no node stops.
func TestRefusalsOfEtcdsRaftStopNobody(t *testing.T) {
	for name, refusal := range map[string]error{"403": refusing(403), "500": errors.New("cannot process message from removed member")} {
		t.Run(name, func(t *testing.T) {
			etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
			etcd.processWith(func(raftpb.Message) error { return refusal })
			ours.peers(t, transport.PeerSet{Peers: []transport.Peer{
				{Id: etcdID, Urls: []string{"http://" + etcd.address()}, Remote: true},
			}})
			ours.send(raftpb.Message{Type: raftpb.MsgHeartbeat, From: ourID, To: etcdID, Term: 1})
			for e := range ours.events {
				if e.Type == pluginv1.EventType_EVENT_REMOVED {
					t.Fatalf("got %v", e)
				}
				if e.Type == pluginv1.EventType_EVENT_UNREACHABLE {
					return
				}
			}
		})
	}
}

func awaitEvent(t *testing.T, n *ourEnd, kind pluginv1.EventType) pluginv1.Event {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-n.events:
			if e.Type == kind {
				return e
			}
		case <-timeout:
			t.Fatalf("no %v", kind)
		}
	}
}
