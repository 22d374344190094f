package client

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

// FuzzDecodeResults: the decoder takes what protobuf takes, and finds the same
// in it.
func FuzzDecodeResults(f *testing.F) {
	for _, b := range []*hostv1.ProposalResultBatch{
		{},
		{Results: []*hostv1.ProposalResult{{}}},
		{Results: []*hostv1.ProposalResult{
			{Id: 1 << 63, Response: &hostv1.ProposeResponse{Index: 7, Data: []byte("x"), Error: "no", ResultLost: true}},
			{Id: 2, Failure: &hostv1.Failure{Outcome: 2, Reason: "no_leader", Message: "m", Leader: "a", LeaderAddress: "h:1", RetryAfterMs: 3}},
			{Id: 3, Response: &hostv1.ProposeResponse{}},
		}},
	} {
		raw, err := proto.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("\x0a\x05\x12\x03\x1a\x01\xff"))                 // an error that is not UTF-8
	f.Add([]byte("\x0a\x06\x1a\x01\x08\x1a\x01\x01"))             // a failure in two broken parts
	f.Add([]byte("\x0a\x08\x12\x02\x08\x01\x12\x02\x20\x01"))     // a response in two parts
	f.Add([]byte("\x0a\x04\x0a\x02\x08\x01\x08\x01"))             // wrong wire types, unknown fields
	f.Add([]byte("\xfa\xff\xff\xff\x7f\x00\x0a\x02\x08\x80\x0b")) // bad field number, short group
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want hostv1.ProposalResultBatch
		wantErr := proto.Unmarshal(raw, &want)
		var got resultBatch
		gotErr := got.decode(bytes.Clone(raw))
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("decode(%x) = %v, protobuf says %v", raw, gotErr, wantErr)
		}
		if wantErr != nil {
			return
		}
		if len(got.answers) != len(want.Results) {
			t.Fatalf("%d answers, want %d", len(got.answers), len(want.Results))
		}
		for i, w := range want.Results {
			if g := got.answers[i]; !sameAnswer(g, w) {
				t.Fatalf("answer %d is %+v, want %v", i, g, w)
			}
		}
	})
}

func sameAnswer(a proposalResult, w *hostv1.ProposalResult) bool {
	r := w.GetResponse()
	return a.id == w.GetId() && a.responded == (r != nil) && a.result.Index == r.GetIndex() &&
		bytes.Equal(a.result.Data, r.GetData()) && a.result.Error == r.GetError() && a.result.Lost == r.GetResultLost() &&
		(a.failure == nil) == (w.GetFailure() == nil) && proto.Equal(a.failure, w.GetFailure())
}

// TestProposalsAreProtobuf: the encoder writes the bytes that protobuf writes.
func TestProposalsAreProtobuf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ours []byte
		var theirs hostv1.ProposalBatch
		for range rapid.IntRange(0, 5).Draw(t, "proposals") {
			p := &hostv1.Proposal{
				Id:        rapid.Uint64().Draw(t, "id"),
				Data:      rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"),
				TimeoutMs: rapid.Uint32().Draw(t, "timeout"),
			}
			before := len(ours)
			ours = proposalwire.Proposal{ID: p.Id, Data: p.Data, TimeoutMs: p.TimeoutMs}.AppendTo(ours)
			if n := len(ours) - before - len(p.Data); n > proposalOverhead {
				t.Fatalf("a proposal is %d bytes larger than its data, assumed at most %d", n, proposalOverhead)
			}
			theirs.Proposals = append(theirs.Proposals, p)
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, want) {
			t.Fatalf("encoded %x\nwant    %x", ours, want)
		}
	})
}

func TestDecodedDataIsACopy(t *testing.T) {
	raw, err := proto.Marshal(&hostv1.ProposalResultBatch{Results: []*hostv1.ProposalResult{
		{Id: 1, Response: &hostv1.ProposeResponse{Data: []byte("mine")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var b resultBatch
	if err := b.decode(raw); err != nil {
		t.Fatal(err)
	}
	clear(raw)
	if got := string(b.answers[0].result.Data); got != "mine" {
		t.Errorf("data = %q after its buffer was used again", got)
	}
}
