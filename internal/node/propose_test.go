package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins"
)

// manyProposals are n of member 1 with values of the given size.
func manyProposals(n, size int) []Proposal {
	list := make([]Proposal, n)
	for i := range list {
		list[i] = NewProposal(RequestID{Origin: 1, Number: uint64(i + 1)}, make([]byte, size))
	}
	return list
}

// A follower's proposals that have waited together, more of them than a message
// may hold, reach the leader: each once, in order, in messages that it takes.
func TestWhatWaitsAtAFollowerIsForwardedInBatches(t *testing.T) {
	l := newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.out.Messages = nil
	l.must(New(l.core, statePorts{}).propose(manyProposals(100, 64<<10)))
	l.settle()
	limits, next := plugins.DefaultLimits(), uint64(1)
	for _, e := range l.out.Messages {
		if uint64(len(e.Payload)) > limits.MaxBatchBytes+1<<10 {
			t.Errorf("a message of %d bytes, batches are of %d", len(e.Payload), limits.MaxBatchBytes)
		}
		m, err := decode(e.Payload, l.core.limits)
		if err != nil {
			t.Fatalf("the leader does not take it: %v", err)
		}
		for _, entry := range m.GetEntries() {
			if id, _, err := decodeCommand(entry.GetData()); err != nil || id.id.Number != next {
				t.Fatalf("request %d (%v) comes where %d should", id.id.Number, err, next)
			}
			next++
		}
	}
	if next != 101 {
		t.Errorf("%d of 100 proposals were forwarded", next-1)
	}
}

// A value that is larger than a batch is forwarded, alone.
func TestAValueLargerThanABatchGoesAlone(t *testing.T) {
	l := newTrio(t)
	l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
	l.out.Messages = nil
	l.must(New(l.core, statePorts{}).propose(manyProposals(2, 5<<18)))
	l.settle()
	if len(l.out.Messages) != 2 {
		t.Errorf("%d messages, want one for each value", len(l.out.Messages))
	}
}
