package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A leader that hears of another founding list after its election, or whose voters do,
// draws no number for its cluster: that would found a second one. Meanwhile it says that
// it commits nothing, so that no member is ready. It draws one when most of the voters may
// vote again.
func TestALeaderFoundsNothingWithoutAMajorityThatMayVote(t *testing.T) {
	for name, bar := range map[string]func(n *trio, barred bool){
		"the leader itself": func(n *trio, barred bool) { n.must(n.core.Bar(barred)) },
		"the one that answers": func(n *trio, barred bool) {
			other := newTrio(t).core
			n.must(other.Bar(barred))
			answer := heartbeatFrom(2)
			answer.Type, answer.Term = pb.MsgHeartbeatResp.Enum(), new(n.term)
			n.core.hear(heard{answer, other.gossip(answer)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFounders(t, 3)
			n.electBy(2, func() { bar(n, true) })
			const waits = 5
			for range waits {
				n.must(n.core.Tick())
				n.settle()
				n.ack(2)
			}
			said := n.core.gossip(&pb.Message{Type: pb.MsgHeartbeat.Enum()}).uncommitted
			if said != waits || n.core.uncommittedTicks() != waits {
				t.Errorf("after %d ticks it says that it has committed nothing for %d, and to others for %d", waits, n.core.uncommittedTicks(), said)
			}
			if n.core.founded() || !n.core.leads() {
				t.Fatalf("founded %t, leads %t", n.core.founded(), n.core.leads())
			}
			bar(n, false)
			n.must(n.core.Tick())
			n.settle()
			n.ack(2)
			if age := n.core.uncommittedTicks(); !n.core.founded() || age != 0 {
				t.Errorf("all may vote again, and it is founded: %t; nothing is committed for %d ticks", n.core.founded(), age)
			}
		})
	}
}

// electBy makes node 1 the leader by the vote of one other, and calls then before that
// one has taken anything.
func (n *trio) electBy(id uint64, then func()) {
	n.t.Helper()
	for range 100 {
		n.must(n.core.Tick())
		n.settle()
		n.term = n.core.raft.BasicStatus().GetTerm()
		n.from(id, pb.MsgPreVoteResp, &pb.Message{Term: new(n.term + 1)})
		n.term = n.core.raft.BasicStatus().GetTerm()
		n.from(id, pb.MsgVoteResp, &pb.Message{})
		if n.core.leads() {
			then()
			n.ack(id)
			return
		}
	}
	n.t.Fatal("not elected")
}
