package node

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins"
)

// The length of a snapshot, and its sum if that is known, go with the message that announces it, which raft has made
// before they were known. The message stays as it was, for another try.
func TestTheContentOfASnapshotIsAnnounced(t *testing.T) {
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
	sum := strings.Repeat("s", 32)
	for _, want := range []Content{{Bytes: 1}, {Bytes: 1 << 40, Sum: sum}} {
		a, err := SnapshotHeader(Announce(message, want, 0), plugins.DefaultLimits())
		if err != nil || a.Content != want || a.Metadata.Index != 9 {
			t.Errorf("announced as %+v: %v", a, err)
		}
	}
	if !bytes.Equal(message[:cap(message)], before) {
		t.Error("the message has changed")
	}
	if a, err := SnapshotHeader(Announce(message, Content{Bytes: 1, Sum: sum[1:]}, 0), plugins.DefaultLimits()); !errors.Is(err, ErrInvalidMessage) {
		t.Errorf("with a sum of 31 bytes it is announced as %+v: %v", a, err)
	}
	if a, err := SnapshotHeader(message, plugins.DefaultLimits()); err != nil || a.Content != (Content{}) {
		t.Errorf("without a length it is announced as %+v: %v", a, err)
	}
}
