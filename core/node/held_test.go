package node

import (
	"fmt"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// follower is the first of three members, with nothing in its log but them.
func follower(t *testing.T) *Node {
	t.Helper()
	var members []member.Member
	for i := range 3 {
		members = append(members, member.Member{ID: member.ID(i + 1), Name: fmt.Sprint(i), PeerURLs: []string{fmt.Sprint("http://", i)}})
	}
	core, err := NewCore(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Bootstrap: members,
		State: storage.State{FirstIndex: 1, Terms: []storage.TermBoundary{{}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		out := core.Output()
		for _, a := range out.Appends {
			if err := core.AppendDone(a.Number); err != nil {
				t.Fatal(err)
			}
		}
	}
	return New(core, nil)
}

func forwarded(from uint64, size int) *pb.Message {
	p := NewProposal(RequestID{Origin: member.ID(from), Number: 1}, make([]byte, size))
	return &pb.Message{Type: pb.MsgProp.Enum(), From: new(from), To: new(uint64(1)), Entries: proposalEntries([][]byte{p.data})}
}

func step(t *testing.T, n *Node, m *pb.Message) {
	t.Helper()
	if err := n.stepMessage(m); err != nil {
		t.Fatal(err)
	}
	if err := n.stepHeld(); err != nil {
		t.Fatal(err)
	}
}

func proposalsTo(n *Node) (to []uint64) {
	for _, e := range n.core.Output().Messages {
		if e.Class == pluginv1.MessageClass_CLASS_PROPOSAL {
			to = append(to, e.To)
		}
	}
	return to
}

// What was forwarded to a node that knows no leader goes on to the next one.
func TestForwardedProposalWaitsForALeader(t *testing.T) {
	n := follower(t)
	step(t, n, forwarded(2, 100))
	step(t, n, forwarded(3, 100))
	if to := proposalsTo(n); len(to) != 0 {
		t.Fatalf("passed on to %v without a leader", to)
	}
	step(t, n, &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(uint64(2)), Commit: new(uint64(0))})
	if to := proposalsTo(n); len(to) != 2 || to[0] != 3 || to[1] != 3 {
		t.Errorf("passed on to %v, want twice to the leader 3", to)
	}
	if n.held.bytes != 0 || len(n.held.messages) != 0 {
		t.Errorf("still held: %+v", n.held)
	}
}

// What waits is bounded in bytes and in time.
func TestHeldProposalsAreBounded(t *testing.T) {
	n := follower(t)
	for range 10 {
		step(t, n, forwarded(2, maxHeldBytes/4))
	}
	if len(n.held.messages) != 3 || n.held.bytes > maxHeldBytes {
		t.Errorf("%d messages with %d bytes are held", len(n.held.messages), n.held.bytes)
	}
	for range n.core.cfg.ElectionTicks + 1 {
		n.held.tick(n.core.cfg.ElectionTicks)
	}
	if len(n.held.messages) != 0 || n.held.bytes != 0 {
		t.Errorf("%d messages with %d bytes are held for longer than an election", len(n.held.messages), n.held.bytes)
	}
}

// What was held and is refused by then, since its sender's word does not count any
// more, is dropped like all that nobody took: counted, and told to its origin.
func TestWhatIsHeldAndThenRefusedIsTold(t *testing.T) {
	n := follower(t)
	step(t, n, forwarded(2, 100))
	n.core.doubling.of = map[member.ID]runs{2: {{returns: minReturns, at: n.core.hearing.ticks}}}
	step(t, n, &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(3)), To: new(uint64(1)), Term: new(uint64(2)), Commit: new(uint64(0))})
	if len(n.held.messages) != 0 || n.DroppedProposals() != 1 {
		t.Fatalf("%d messages are held, %d proposals are said to be dropped", len(n.held.messages), n.DroppedProposals())
	}
	told := 0
	for _, e := range n.core.Output().Messages {
		if m, err := decode(e.Payload, n.limits); err == nil && m.GetType() == pb.MsgProp && m.GetReject() && e.To == 2 {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the origin is told %d times", told)
	}
}
