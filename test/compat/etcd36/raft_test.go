package etcd36

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// raftNode is a raft node of two, over whatever transport send belongs to.
type raftNode struct {
	*seen
	raft.Node
	storage *raft.MemoryStorage
	send    func(...raftpb.Message)
	inbox   chan raftpb.Message
	stop    chan struct{}
	running sync.WaitGroup

	applied [][]byte // needs seen.guard
}

func newRaftNode(id uint64, s *seen, send func(...raftpb.Message), ids ...uint64) *raftNode {
	n := &raftNode{
		seen: s, storage: raft.NewMemoryStorage(), send: send,
		inbox: make(chan raftpb.Message, 4096), stop: make(chan struct{}),
	}
	var peers []raft.Peer
	for _, other := range ids {
		peers = append(peers, raft.Peer{ID: other})
	}
	n.Node = raft.StartNode(&raft.Config{
		ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: n.storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256,
		PreVote: true, DisableProposalForwarding: true,
		Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	}, peers)
	n.running.Go(n.drive)
	n.running.Go(n.step)
	return n
}

// deliver never waits; a full inbox loses messages, as raft allows.
func (n *raftNode) deliver(m raftpb.Message) {
	select {
	case n.inbox <- m:
	default:
	}
}

func (n *raftNode) step() {
	for {
		select {
		case m := <-n.inbox:
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = n.Step(ctx, m) // refused messages are lost ones
			cancel()
		case <-n.stop:
			return
		}
	}
}

func (n *raftNode) drive() {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.Tick()
		case rd := <-n.Ready():
			if !raft.IsEmptyHardState(rd.HardState) {
				_ = n.storage.SetHardState(rd.HardState) // cannot fail
			}
			if err := n.storage.Append(rd.Entries); err != nil {
				panic(err)
			}
			n.send(rd.Messages...)
			n.apply(rd.CommittedEntries)
			n.Advance()
		case <-n.stop:
			return
		}
	}
}

func (n *raftNode) apply(entries []raftpb.Entry) {
	for i := range entries {
		if entries[i].Type == raftpb.EntryConfChange {
			var cc raftpb.ConfChange
			if err := cc.Unmarshal(entries[i].Data); err != nil {
				panic(err)
			}
			n.ApplyConfChange(cc)
		}
	}
	n.change(func() {
		for i := range entries {
			if entries[i].Type == raftpb.EntryNormal && len(entries[i].Data) > 0 {
				n.applied = append(n.applied, entries[i].Data)
			}
		}
	})
}

func (n *raftNode) count() int {
	n.guard.Lock()
	defer n.guard.Unlock()
	return len(n.applied)
}

func (n *raftNode) end() {
	close(n.stop)
	n.running.Wait()
	n.Stop()
}

// propose keeps a window of proposals open at the leader until count entries
// are applied there, and for as long as more says.
func propose(nodes []*raftNode, count int, more func() bool) {
	for number := uint64(0); ; {
		for _, n := range nodes {
			if n.count() >= count && !more() {
				return
			}
			if n.Status().RaftState != raft.StateLeader {
				continue
			}
			base := n.count()
			for range 128 {
				number++
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				_ = n.Propose(ctx, binary.BigEndian.AppendUint64(make([]byte, 56), number)) // may be lost
				cancel()
			}
			for wait := time.After(200 * time.Millisecond); n.count() < base+128; {
				select {
				case <-n.changed:
					continue
				case <-wait:
				}
				break
			}
		}
		select {
		case <-nodes[0].changed:
		case <-time.After(time.Millisecond):
		}
	}
}

// Two raft nodes, one on etcd's rafthttp and one on ours, agree on 10,000
// entries while all connections between them break every 500 ms.
func TestTwoRaftNodesWhileConnectionsBreak(t *testing.T) {
	const commits = 10_000
	etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
	relays := []*transporttest.Relay{transporttest.NewRelay(t, etcd.address()), transporttest.NewRelay(t, ours.address)}
	one := newRaftNode(etcdID, etcd.seen, etcd.send, etcdID, ourID)
	two := newRaftNode(ourID, ours.seen, ours.send, etcdID, ourID)
	defer one.end()
	defer two.end()
	etcd.processWith(func(m raftpb.Message) error { one.deliver(m); return nil })
	ours.delivers(two.deliver)
	etcd.reports(one.ReportUnreachable)
	ours.reports(two.ReportUnreachable)
	etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + relays[1].Address()})
	ours.peer(t, etcdID, relays[0].Address())

	var broken atomic.Int64
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		propose([]*raftNode{one, two}, commits, func() bool { return broken.Load() < 10 })
	}()
	timeout := time.After(2 * patience)
	for breaking := time.NewTicker(500 * time.Millisecond); ; broken.Add(1) {
		select {
		case <-breaking.C:
			for _, r := range relays {
				r.Break()
			}
			continue
		case <-timeout:
			t.Fatalf("only %d and %d entries were applied", one.count(), two.count())
		case <-finished:
			breaking.Stop()
		}
		break
	}
	etcd.await(t, "the same log on both", func() bool {
		return one.count() == two.count() && one.count() >= commits
	}, nil)
	t.Logf("%d entries, connections broken %d times", one.count(), broken.Load())
	for i := range one.applied {
		if !bytes.Equal(one.applied[i], two.applied[i]) {
			t.Fatalf("entry %d differs", i)
		}
	}
}
