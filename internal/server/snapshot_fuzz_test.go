package server

import (
	"bytes"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// FuzzSnapshotHeader: the header of a snapshot, of a peer or a disk, is refused, or
// is written and read alike; the state machine's bytes begin after it.
func FuzzSnapshotHeader(f *testing.F) {
	registry, err := (&member.Registry{}).Apply(member.Change{Op: member.Add, Member: member.Member{
		ID: 1, Name: "n1", PeerURLs: []string{"http://127.0.0.1:1"}, ClientAddress: "127.0.0.1:2",
	}}, 1, 1)
	if err != nil {
		f.Fatal(err)
	}
	var seed bytes.Buffer
	if err := (&SnapshotHeader{Version: snapshotVersion, ClusterID: 1, Index: 2, Term: 3, StateMachine: "kv", Registry: registry}).Encode(&seed); err != nil {
		f.Fatal(err)
	}
	f.Add(append(seed.Bytes(), "state"...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		h, err := ReadSnapshotHeader(in)
		if err != nil {
			return
		}
		state, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		var first, second bytes.Buffer
		if err := h.Encode(&first); err != nil {
			t.Fatalf("header that was read cannot be written: %v", err)
		}
		out := bytes.NewReader(append(first.Bytes(), state...))
		again, err := ReadSnapshotHeader(out)
		if err != nil {
			t.Fatalf("header that was written cannot be read: %v", err)
		}
		if rest, err := io.ReadAll(out); err != nil || !bytes.Equal(rest, state) {
			t.Fatalf("state %x after the header, want %x: %v", rest, state, err)
		}
		if err := again.Encode(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%s became %s: %v", &first, &second, err)
		}
	})
}
