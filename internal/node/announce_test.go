package node

import (
	"bytes"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins"
)

// The length of a snapshot goes with the message that announces it, which raft has made
// before the length was known. The message stays as it was, for another try.
func TestTheLengthOfASnapshotIsAnnounced(t *testing.T) {
	var e encoder
	message, err := e.encode(&pb.Message{
		Type: pb.MsgSnap.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(3)),
		Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{
			ConfState: &pb.ConfState{Voters: []uint64{1, 2}}, Index: new(uint64(9)), Term: new(uint64(3)),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	message = append(slices.Grow(message, 64), 0)
	message = message[:len(message)-1] // with room after it
	before := bytes.Clone(message[:cap(message)])
	for _, want := range []uint64{1, 1 << 40} {
		a, err := SnapshotHeader(AnnounceBytes(message, want), plugins.DefaultLimits())
		if err != nil || a.Bytes != want || a.Metadata.Index != 9 {
			t.Errorf("announced as %+v: %v", a, err)
		}
	}
	if !bytes.Equal(message[:cap(message)], before) {
		t.Error("the message has changed")
	}
	if a, err := SnapshotHeader(message, plugins.DefaultLimits()); err != nil || a.Bytes != 0 {
		t.Errorf("without a length it is announced as %+v: %v", a, err)
	}
}
