package etcd36

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A member that etcd does not know yet sends it a message and its URLs: etcd
// then reaches it by the pipeline.
func TestEtcdLearnsOurs(t *testing.T) {
	etcd := startEtcd(t, etcdID)
	listen := freeAddress(t)
	ours := startOurs(t, ourID, "", listen, "http://"+listen)
	ours.peers(t, transport.PeerSet{Peers: []transport.Peer{
		{Id: etcdID, Urls: []string{"http://" + etcd.address()}, Remote: true},
	}})
	passes(t, ours.send, etcd.seen, kinds(ourID, etcdID))
	passes(t, etcd.send, ours.seen, kinds(etcdID, ourID))
}

// The other way round: only where the configuration trusts the network,
// because nothing vouches for an etcd that speaks plain TCP.
func TestOursLearnsEtcd(t *testing.T) {
	for config, learns := range map[string]bool{"learn_remotes: true": true, "": false} {
		t.Run(config, func(t *testing.T) {
			etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, config, "127.0.0.1:0")
			etcd.transport.AddRemote(ourID, []string{"http://" + ours.address})
			passes(t, etcd.send, ours.seen, kinds(etcdID, ourID))
			if learns {
				passes(t, ours.send, etcd.seen, kinds(ourID, etcdID))
				return
			}
			before := ours.reported(etcdID)
			m := raftpb.Message{Type: raftpb.MsgHeartbeat, From: ourID, To: etcdID, Term: 1}
			ours.send(m)
			ours.await(t, "a report", func() bool { return ours.reported(etcdID) > before }, nil)
			if etcd.times(m) != 0 {
				t.Error("it arrived")
			}
		})
	}
}
