package node

import (
	"bytes"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Our messages and raft's are the same bytes: each side reads what the other
// writes, with the same meaning.
func FuzzWireIsRaftpb(f *testing.F) {
	seed, _ := proto.Marshal(&pb.Message{
		Type: pb.MsgApp.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3)), LogTerm: new(uint64(2)),
		Index: new(uint64(9)), Commit: new(uint64(8)),
		Entries: []*pb.Entry{{Term: new(uint64(3)), Index: new(uint64(10)), Data: []byte("x")}},
	})
	snap, _ := proto.Marshal(&pb.Message{
		Type: pb.MsgSnap.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3)),
		Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{
			Index: new(uint64(5)), Term: new(uint64(1)), ConfState: &pb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}},
		}},
	})
	f.Add(seed)
	f.Add(snap)
	f.Fuzz(func(t *testing.T, raw []byte) {
		theirs := &pb.Message{}
		if proto.Unmarshal(raw, theirs) != nil || len(theirs.GetResponses()) > 0 || theirs.GetType() < 0 {
			return
		}
		var ours pluginv1.Message
		if err := ours.Unmarshal(raw); err != nil {
			t.Skip("proto2 keeps an enum out of range as an unknown field, and proto3 refuses it")
		}
		written, err := ours.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again := &pb.Message{}
		if err := proto.Unmarshal(written, again); err != nil {
			t.Fatalf("raft cannot read what we wrote: %v", err)
		}
		if a, b := fields(theirs), fields(again); a != b {
			t.Fatalf("changed on the way:\n%s\n%s", a, b)
		}
	})
}

// fields prints what the two encodings have in common: absent and zero are the
// same to us.
func fields(m *pb.Message) string {
	n := &pluginv1.Message{
		Type: uint32(m.GetType()), To: m.GetTo(), From: m.GetFrom(), Term: m.GetTerm(), LogTerm: m.GetLogTerm(),
		Index: m.GetIndex(), Commit: m.GetCommit(), Reject: m.GetReject(), RejectHint: m.GetRejectHint(),
		Context: m.GetContext(), Vote: m.GetVote(), Entries: toEntries(nil, m.GetEntries()),
	}
	n.Snapshot.Data = m.GetSnapshot().GetData()
	n.Snapshot.Metadata = toMetadata(m.GetSnapshot().GetMetadata())
	return n.String()
}

// The data is the caller's again: the client API gives its room to the next
// message.
func TestAProposalKeepsNothingOfTheData(t *testing.T) {
	id, data := RequestID{Origin: 1, Number: 2}, []byte("data")
	p := NewProposal(id, data)
	clear(data)
	got, payload, err := decodeCommand(p.plain())
	if err != nil || got.id != id || string(payload) != "data" {
		t.Errorf("the proposal is %v, %q, %v", got, payload, err)
	}
}

func TestEncodeDecodeKeepsMessages(t *testing.T) {
	limits := messageLimits{entry: 1 << 20, message: 4 << 20}
	command := plainCommand(RequestID{Origin: 2, Number: 2}, []byte("data"))
	messages := []*pb.Message{
		{
			Type: pb.MsgApp.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3)), LogTerm: new(uint64(2)), Index: new(uint64(9)), Commit: new(uint64(8)),
			Entries: fromEntries([]pluginv1.Entry{{Term: 2, Index: 10, Data: command}, {Term: 3, Index: 11}}),
		},
		{Type: pb.MsgHeartbeat.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3)), Commit: new(uint64(8)), Context: bytes.Repeat([]byte{1}, 8)},
		{Type: pb.MsgAppResp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(3)), Index: new(uint64(9)), Reject: new(true), RejectHint: new(uint64(4)), LogTerm: new(uint64(2))},
		{Type: pb.MsgVote.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(3)), Index: new(uint64(9)), LogTerm: new(uint64(2))},
		{Type: pb.MsgProp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Entries: proposalEntries([][]byte{command})},
		{
			Type: pb.MsgSnap.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(3)),
			Snapshot: &pb.Snapshot{Metadata: fromMetadata(pluginv1.SnapshotMetadata{Index: 5, Term: 2, ConfState: pluginv1.ConfState{Voters: []uint64{1, 2}}})},
		},
	}
	var enc encoder
	for _, m := range messages {
		enc.batch = batchHeader{}
		if m.GetType() == pb.MsgProp {
			enc.batch = batchHeader{number: 7, oldest: 5, term: 3, incarnation: 9}
		}
		payload, err := enc.encode(m)
		if err != nil {
			t.Fatal(err)
		}
		got, g, err := decodeAll(payload, limits)
		if err != nil {
			t.Errorf("%s: %v", m.GetType(), err)
			continue
		}
		if g.batch != enc.batch {
			t.Errorf("%s: the batch %+v became %+v", m.GetType(), enc.batch, g.batch)
		}
		if a, b := fields(m), fields(got); a != b {
			t.Errorf("%s changed on the way:\n%s\n%s", m.GetType(), a, b)
		}
	}
}
